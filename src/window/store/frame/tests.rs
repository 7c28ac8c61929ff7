use super::*;

const CONTENT: &[u8] = b"what the service did lately";

fn frame(kind: Kind, service: &str) -> Frame {
    let service = service.to_owned();
    Frame { kind, service }
}

fn packed(frame: &Frame, content: &[u8]) -> Vec<u8> {
    [&frame.head(content), content].concat()
}

#[test]
fn a_file_has_the_bytes_of_format_1() {
    let file = packed(&frame(Kind::Window, "ab"), b"123456789");
    let without_checksum = [&file[..12], &file[16..]].concat();
    let expected = b"\x89TVS\r\n\x1a\n\x01\0\x01\0\x0d\0\0\0\0\0\0\0\x02\0ab123456789";
    assert_eq!(without_checksum, expected);
    // By another implementation: `zlib.crc32` of Python.
    let checksum = u32::from_le_bytes(file[12..16].try_into().unwrap());
    assert_eq!(checksum, 0x760F_FF70);
}

#[test]
fn the_content_comes_back_as_it_was_given() {
    let mut random = fastrand::Rng::with_seed(17);
    for bytes in [0, 1, 2, 23, 24, 25, 1_000, 100_000] {
        let content: Vec<u8> = (0..bytes).map(|_| random.u8(..)).collect();
        for service in ["", "shop", "käse"] {
            let frame = frame(Kind::Events, service);
            let file = packed(&frame, &content);
            assert_eq!(file.len(), frame.head_bytes() + bytes);
            assert_eq!(frame.unpack(file).unwrap(), content);
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let frame = frame(Kind::Window, "shop");
    let file = packed(&frame, CONTENT);
    for bit in 0..file.len() * 8 {
        let mut file = file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        let problem = frame.unpack(file).unwrap_err();
        let expected = match bit / 8 {
            0..8 => matches!(problem, Problem::Foreign),
            8..10 => matches!(problem, Problem::OtherFormat(_)),
            _ => matches!(problem, Problem::Torn),
        };
        assert!(expected, "bit {bit}: {problem}");
    }
}

#[test]
fn a_file_that_is_cut_off_or_goes_on_is_torn() {
    let frame = frame(Kind::Window, "shop");
    let file = packed(&frame, CONTENT);
    for bytes in 0..file.len() {
        let problem = frame.unpack(file[..bytes].to_owned()).unwrap_err();
        assert!(matches!(problem, Problem::Torn), "{bytes}: {problem}");
    }
    let longer = [&file[..], b"\0"].concat();
    assert!(matches!(frame.unpack(longer), Err(Problem::Torn)));
}

#[test]
fn no_bytes_at_all_make_it_panic_or_give_wrong_content() {
    let mut random = fastrand::Rng::with_seed(17);
    let frame = frame(Kind::Window, "shop");
    let file = packed(&frame, CONTENT);
    for _ in 0..100_000 {
        let mut damaged = file.clone();
        for _ in 0..random.usize(1..4) {
            let from = random.usize(..damaged.len());
            let upto = random.usize(from..damaged.len().min(from + 8)) + 1;
            damaged[from..upto].fill_with(|| random.u8(..));
        }
        damaged.truncate(random.usize(file.len() / 2..file.len() * 2));
        if let Ok(content) = frame.unpack(damaged) {
            assert_eq!(content, CONTENT);
        }
    }
}

#[test]
fn a_file_of_another_kind_or_service_is_known_by_its_head() {
    let file = packed(&frame(Kind::Window, "shop"), CONTENT);
    let by = |kind, service| frame(kind, service).unpack(file.clone());
    let kind = by(Kind::Events, "shop");
    assert!(matches!(kind, Err(Problem::OtherKind)));
    let other = by(Kind::Window, "billing");
    assert!(matches!(other, Err(Problem::OtherService(name)) if name == "shop"));
    assert_eq!(by(Kind::Window, "").unwrap(), CONTENT, "no name of ours");
    let nameless = packed(&frame(Kind::Window, ""), CONTENT);
    let read = frame(Kind::Window, "shop").unpack(nameless);
    assert_eq!(read.unwrap(), CONTENT, "no name of the file's");
}
