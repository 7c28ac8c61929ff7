//! The bytes around the content of a file of state, by which it is known and checked.

use crc32fast::Hasher;

use super::problem::Problem;

/// The first bytes of each file. The first one is no text, and the line ends show if somebody changed them.
pub(super) const MAGIC: [u8; 8] = *b"\x89TVS\r\n\x1a\n";

/// Files of another format are not read.
const FORMAT: u16 = 1;

/// Where the parts of the head begin. All numbers are little-endian: format (2 bytes), kind (2), checksum (4) of all that is
/// not itself or the magic, length of what follows the head (8), then length of the service's name (2), the name, the
/// content.
const FORMAT_AT: usize = 8;
const KIND_AT: usize = 10;
const CHECKSUM_AT: usize = 12;
const LENGTH_AT: usize = 16;
const NAME_AT: usize = 24;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Window = 1,
    Events = 2,
}

/// What the head of a file says, beside its length and checksum.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Empty if it is not known, which fits to each name.
    pub(super) service: String,
}

// === impl Frame ===

impl Frame {
    /// The bytes before the content. Together they are a file.
    pub(super) fn head(&self, content: &[u8]) -> Vec<u8> {
        // A name has at most 200 characters, so nothing is cut.
        let name = self.service.as_bytes();
        let name = name.get(..usize::from(u16::MAX)).unwrap_or(name);
        let rest = (2 + name.len() + content.len()) as u64;
        let mut head = Vec::with_capacity(NAME_AT + 2 + name.len());
        head.extend(MAGIC);
        head.extend(FORMAT.to_le_bytes());
        head.extend((self.kind as u16).to_le_bytes());
        head.extend([0; 4]);
        head.extend(rest.to_le_bytes());
        head.extend((name.len() as u16).to_le_bytes());
        head.extend(name);
        let mut digest = checked_head(&head);
        digest.update(content);
        let checksum = digest.finalize().to_le_bytes();
        if let Some(field) = head.get_mut(CHECKSUM_AT..LENGTH_AT) {
            field.copy_from_slice(&checksum);
        }
        head
    }

    /// How many bytes the head has.
    pub(super) fn head_bytes(&self) -> usize {
        NAME_AT + 2 + self.service.len()
    }

    /// Leaves the content of a file, if the file is whole and of this frame.
    pub(super) fn unpack(&self, mut file: Vec<u8>) -> Result<Vec<u8>, Problem> {
        let start = self.content_start(&file)?;
        file.drain(..start);
        Ok(file)
    }

    fn content_start(&self, file: &[u8]) -> Result<usize, Problem> {
        if !is_ours(file) {
            return Err(Problem::Foreign);
        }
        let format = number(file, FORMAT_AT).map(u16::from_le_bytes);
        let format = format.ok_or(Problem::Torn)?;
        if format != FORMAT {
            return Err(Problem::OtherFormat(format));
        }
        let kind = number(file, KIND_AT).map(u16::from_le_bytes);
        let checksum = number(file, CHECKSUM_AT).map(u32::from_le_bytes);
        let length = number(file, LENGTH_AT).map(u64::from_le_bytes);
        let rest = file.get(NAME_AT..).ok_or(Problem::Torn)?;
        let whole =
            length == Some(rest.len() as u64) && checksum == Some(checked_head(file).finalize());
        let (Some(kind), true) = (kind, whole) else {
            return Err(Problem::Torn);
        };
        if kind != self.kind as u16 {
            return Err(Problem::OtherKind);
        }
        let name_bytes = number(file, NAME_AT).map(u16::from_le_bytes);
        let start = NAME_AT + 2 + usize::from(name_bytes.ok_or(Problem::Torn)?);
        let name = file.get(NAME_AT + 2..start).ok_or(Problem::Torn)?;
        let name = String::from_utf8_lossy(name);
        if !name.is_empty() && !self.service.is_empty() && name != *self.service {
            return Err(Problem::OtherService(name.into_owned()));
        }
        Ok(start)
    }
}

/// Whether a file that begins so is ours. One that was cut off within the magic is, and so is an empty one: nothing is lost
/// with it.
pub(super) fn is_ours(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC) || MAGIC.starts_with(beginning)
}

/// The checksum so far of a file or its beginning.
fn checked_head(file: &[u8]) -> Hasher {
    let mut digest = Hasher::new();
    for part in [file.get(FORMAT_AT..CHECKSUM_AT), file.get(LENGTH_AT..)] {
        digest.update(part.unwrap_or_default());
    }
    digest
}

/// The bytes of a number.
fn number<const BYTES: usize>(file: &[u8], at: usize) -> Option<[u8; BYTES]> {
    file.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests;
