//! Writes small numbers in few bytes.

/// Seven bits in each byte, the lowest first. The last byte has no high bit.
pub(crate) fn write(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes a number off. `None` if the bytes end in it, or if it is above 2^64.
pub(crate) fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// How many bytes a number takes.
pub(super) const fn length(value: u64) -> usize {
    ((u64::BITS - (value | 1).leading_zeros()) as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let random = std::iter::repeat_with(|| fastrand::u64(..) >> fastrand::u32(0..64));
        for value in random.take(10_000).chain([0, 127, 128, u64::MAX]) {
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            assert_eq!(bytes.len(), length(value), "{value}");
            assert_eq!(read(&mut &bytes[..bytes.len() - 1]), None);
            bytes.push(7);
            let mut rest = &*bytes;
            assert_eq!((read(&mut rest), rest), (Some(value), &[7][..]));
        }
    }

    #[test]
    fn a_number_above_2_to_the_64_is_refused() {
        let nines = [0xff; 9];
        assert_eq!(read(&mut &[&nines[..], &[1]].concat()[..]), Some(u64::MAX));
        for end in [&[2][..], &[0x81, 0], &[0x80, 0]] {
            assert_eq!(read(&mut &[&nines[..], end].concat()[..]), None);
        }
    }
}
