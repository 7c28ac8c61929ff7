//! Finds the status at the end of a gRPC-Web body, without changing a byte of it.

use std::io::IoSlice;

use bytes::Buf;

use super::{Code, Format};

/// The most bytes of a frame with trailers that are kept. The status stands among them in practice.
const LONGEST: usize = 8_192;

/// The most slices of one piece of a body that are read. A body of more slices a piece is not followed.
const MOST_SLICES: usize = 16;

/// Reads the frames of a gRPC-Web body as its pieces pass.
#[derive(Debug)]
pub(crate) struct WebBody {
    text: Option<Base64>,
    place: Place,
    /// A frame with a message has begun to pass.
    has_message: bool,
    trailers: Vec<u8>,
    /// The frame with the trailers has passed to its end.
    has_trailers: bool,
}

/// Where the next byte belongs.
#[derive(Debug)]
enum Place {
    /// In the five bytes before a frame: one of flags, four of length.
    Prefix {
        read: [u8; 5],
        count: usize,
    },
    Frame {
        left: u32,
        is_trailers: bool,
    },
    /// The body is not gRPC-Web, or was not followed to here.
    Lost,
}

/// Decodes base64 byte by byte. Padded pieces may follow each other.
#[derive(Debug, Default)]
struct Base64 {
    bits: u32,
    count: u32,
}

// === impl WebBody ===

impl WebBody {
    /// For a response of this format. `None` if its status is not in its body.
    pub(crate) fn new(format: Format) -> Option<Self> {
        let text = match format {
            Format::Grpc => return None,
            Format::Web => None,
            Format::WebText => Some(Base64::default()),
        };
        Some(Self {
            text,
            place: Place::start(),
            has_message: false,
            trailers: Vec::new(),
            has_trailers: false,
        })
    }

    /// Reads a piece of the body.
    pub(crate) fn read(&mut self, piece: &impl Buf) {
        let mut slices = [IoSlice::new(&[]); MOST_SLICES];
        let count = piece.chunks_vectored(&mut slices);
        let read: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        for slice in &slices[..count] {
            self.bytes(slice);
        }
        if read < piece.remaining() {
            self.place = Place::Lost;
        }
    }

    /// Whether a message was sent.
    pub(crate) const fn has_message(&self) -> bool {
        self.has_message
    }

    /// The status in the trailers. One that is missing is `None`; two that differ are `UNKNOWN`.
    pub(crate) fn code(&self) -> Option<Code> {
        if !self.has_trailers {
            return None;
        }
        let mut codes = self.values(b"grpc-status").map(Code::of_text);
        let first = codes.next()?;
        let agree = codes.all(|other| other == first);
        Some(if agree { first } else { Code::UNKNOWN })
    }

    /// The text of the status as it is on the wire.
    pub(crate) fn message(&self) -> Option<&[u8]> {
        self.values(b"grpc-message").next()
    }

    /// The values of one trailer.
    fn values(&self, wanted: &'static [u8]) -> impl Iterator<Item = &[u8]> {
        let lines = self.trailers.split(|byte| *byte == b'\n');
        lines.filter_map(move |line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = (line[..at].trim_ascii(), line[at + 1..].trim_ascii());
            name.eq_ignore_ascii_case(wanted).then_some(value)
        })
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(text) = &mut self.text {
            let mut decoded = Vec::with_capacity(bytes.len());
            let valid = text.decode(bytes, &mut decoded);
            self.frames(&decoded);
            if !valid {
                self.place = Place::Lost;
            }
        } else {
            self.frames(bytes);
        }
    }

    fn frames(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Prefix { read, count } => {
                    read[*count] = bytes[0];
                    *count += 1;
                    bytes = &bytes[1..];
                    if *count == read.len() {
                        let [flags, a, b, c, d] = *read;
                        // One bit says that these are trailers, one that they are compressed.
                        if flags & !0x81 != 0 {
                            self.place = Place::Lost;
                            return;
                        }
                        let is_trailers = flags & 0x80 != 0;
                        self.has_message |= !is_trailers;
                        self.place = Place::frame(u32::from_be_bytes([a, b, c, d]), is_trailers);
                    }
                }
                Place::Frame { left, is_trailers } => {
                    let fits = bytes.len().min(*left as usize);
                    let (mine, rest) = bytes.split_at(fits);
                    if *is_trailers {
                        let room = LONGEST - self.trailers.len();
                        self.trailers
                            .extend_from_slice(&mine[..mine.len().min(room)]);
                    }
                    let left = *left - fits as u32;
                    self.has_trailers |= *is_trailers && left == 0;
                    self.place = Place::frame(left, *is_trailers);
                    bytes = rest;
                }
                Place::Lost => return,
            }
        }
    }
}

// === impl Place ===

impl Place {
    const fn start() -> Self {
        Self::Prefix {
            read: [0; 5],
            count: 0,
        }
    }

    /// Within a frame, or after it if nothing of it is left.
    const fn frame(left: u32, is_trailers: bool) -> Self {
        match left {
            0 => Self::start(),
            _ => Self::Frame { left, is_trailers },
        }
    }
}

// === impl Base64 ===

impl Base64 {
    /// Appends what `text` means to `bytes`. Returns `false` if it is not base64.
    fn decode(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> bool {
        for character in text {
            let bits = match character {
                b'A'..=b'Z' => character - b'A',
                b'a'..=b'z' => character - b'a' + 26,
                b'0'..=b'9' => character - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    // The bits that are left over are zero.
                    *self = Self::default();
                    continue;
                }
                b'\r' | b'\n' => continue,
                _ => return false,
            };
            self.bits = self.bits << 6 | u32::from(bits);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                bytes.push((self.bits >> self.count) as u8);
                self.bits &= (1 << self.count) - 1;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_with;

    use bytes::Bytes;

    use super::*;

    fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&[flags], &length[..], payload].concat()
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let mut three = [0; 3];
            three[..group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            for digit in 0..4 {
                let shown = digit <= group.len();
                let index = (bits >> (18 - 6 * digit)) as usize & 63;
                text.push(if shown { DIGITS[index].into() } else { '=' });
            }
        }
        text
    }

    /// The code and whether there was a message, from a body in pieces.
    fn read(format: Format, pieces: &[&[u8]]) -> (Option<u8>, bool) {
        let mut body = WebBody::new(format).unwrap();
        for piece in pieces {
            body.read(&Bytes::copy_from_slice(piece));
        }
        (body.code().map(Code::number), body.has_message())
    }

    #[test]
    fn the_status_is_in_the_last_frame() {
        let trailers = frame(0x80, b"grpc-status:13\r\ngrpc-message:no\r\n");
        assert_eq!(read(Format::Web, &[&trailers]), (Some(13), false));
        let message = frame(0, b"grpc-status:0\r\n");
        let both = [message.clone(), trailers].concat();
        assert_eq!(read(Format::Web, &[&both]), (Some(13), true));
        assert_eq!(read(Format::Web, &[&message]), (None, true));
        // An empty message is a message.
        assert_eq!(read(Format::Web, &[&frame(0, b"")]), (None, true));
        for (text, code) in [
            ("Grpc-Status: 5\r\n", Some(5)),
            ("grpc-status:0", Some(0)),
            ("grpc-status:0\r\ngrpc-status:13\r\n", Some(2)),
            ("grpc-status:17\r\n", Some(2)),
            ("grpc-message:grpc-status\r\n", None),
        ] {
            let trailers = frame(0x80, text.as_bytes());
            assert_eq!(read(Format::Web, &[&trailers]).0, code, "{text}");
        }
    }

    #[test]
    fn a_body_that_is_no_grpc_web_has_no_status() {
        assert!(WebBody::new(Format::Grpc).is_none());
        assert_eq!(read(Format::Web, &[b"<html>grpc-status:13"]).0, None);
        assert_eq!(read(Format::WebText, &[b"\"{}\""]), (None, false));
        assert_eq!(read(Format::WebText, &[b"Unauthorized"]), (None, false));
    }

    #[test]
    fn trailers_that_are_cut_off_have_no_status() {
        let trailers = frame(0x80, b"grpc-status:13");
        let cut = &trailers[..trailers.len() - 1];
        assert_eq!(read(Format::Web, &[cut]).0, None);
    }

    #[test]
    fn a_piece_of_several_slices_is_read_to_its_end() {
        let trailers = Bytes::from(frame(0x80, b"grpc-status:7\r\n"));
        let mut body = WebBody::new(Format::Web).unwrap();
        body.read(&trailers.slice(..3).chain(trailers.slice(3..)));
        assert_eq!(body.code().map(Code::number), Some(7));
    }

    #[test]
    fn the_status_is_found_wherever_the_body_is_cut() {
        let byte = || fastrand::u8(..);
        for _ in 0..500 {
            let message = || repeat_with(byte).take(fastrand::usize(..20)).collect();
            let messages: Vec<Vec<u8>> = repeat_with(message).take(fastrand::usize(..4)).collect();
            let code = fastrand::u8(..17);
            let cut = || fastrand::usize(1..9);
            let cuts: Vec<_> = repeat_with(cut).take(fastrand::usize(1..40)).collect();
            let trailers = frame(0x80, format!("grpc-status:{code}\r\n").as_bytes());
            let frames: Vec<_> = messages
                .iter()
                .map(|one| frame(0, one))
                .chain([trailers])
                .collect();
            let binary = frames.concat();
            // A server may encode frame by frame, each with padding of its own.
            let text: String = match fastrand::bool() {
                true => frames.iter().map(|frame| base64(frame)).collect(),
                false => base64(&binary),
            };
            for (format, body) in [(Format::Web, binary), (Format::WebText, text.into_bytes())] {
                let (mut pieces, mut rest) = (Vec::new(), &body[..]);
                for cut in cuts.iter().cycle() {
                    if rest.is_empty() {
                        break;
                    }
                    let (piece, after) = rest.split_at((*cut).min(rest.len()));
                    pieces.push(piece);
                    rest = after;
                }
                let found = read(format, &pieces);
                assert_eq!(found, (Some(code), !messages.is_empty()), "{pieces:?}");
            }
        }
    }
}
