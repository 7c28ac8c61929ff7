//! Reads small files of the kernel, whatever stands there.

use std::{fs::File, io::Read, path::Path};

/// The most bytes that are read of a file. What a kernel writes is far shorter.
const MOST: u64 = 1 << 20;

/// The text of a file. `None` if it is not there or cannot be read: then nothing is known.
pub(crate) fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(MOST)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_without_an_end_is_read_in_part() {
        let zeros = super::text("/dev/zero".as_ref()).unwrap();
        assert_eq!(zeros.len(), 1 << 20);
    }
}
