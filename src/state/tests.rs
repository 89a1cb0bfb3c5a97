//! The bytes of the files, without files.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::StateError;
use super::format::{Ending, FRAME_BYTES, HEADER_BYTES, Header, Kind, Unreadable, parse, put};

const HEADER: Header = Header { generation: 3, preceding: 4711 };

fn journal(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = HEADER.encode(Kind::Journal).to_vec();
    records.iter().for_each(|record| put(&mut bytes, HEADER.generation, record).unwrap());
    bytes
}

/// Files of today must be readable by later versions: a change here needs a new version.
#[test]
fn the_bytes_are_those_of_version_1() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let bytes = journal(&[b"one".to_vec()]);
    assert_eq!(hex(&bytes[..28]), "464c47574a4e0d0a0100000003000000000000006712000000000000");
    assert_eq!(hex(&bytes[HEADER_BYTES..HEADER_BYTES + 4]), "03000000");
    assert_eq!(&bytes[HEADER_BYTES + FRAME_BYTES..], b"one");
    assert_eq!(&Header { generation: 1, preceding: 0 }.encode(Kind::Snapshot)[..8], b"FLGWSN\r\n");
}

#[test]
fn a_file_says_what_it_is() {
    let bytes = journal(&[]);
    assert_eq!(parse(Kind::Journal, &bytes).unwrap().header, HEADER);
    assert_eq!(parse(Kind::Snapshot, &bytes), Err(Unreadable::Damaged));
    assert_eq!(parse(Kind::Journal, &bytes[1..]), Err(Unreadable::Short));
    assert_eq!(parse(Kind::Journal, b""), Err(Unreadable::Short));
    assert_eq!(parse(Kind::Journal, &[0; 64]), Err(Unreadable::Damaged));
}

#[test]
fn an_end_without_a_record_is_told_apart() {
    let whole = journal(&[b"one".to_vec()]);
    let ending = |more: &[u8]| parse(Kind::Journal, &[&whole, more].concat()).unwrap().ending;
    let next = journal(&[b"two".to_vec()])[HEADER_BYTES..].to_vec();
    assert_eq!((ending(&[]), ending(&next)), (Ending::Whole, Ending::Whole));
    assert_eq!(
        (ending(&next[..5]), ending(&next[..14]), ending(&[0; 500])),
        (Ending::Torn, Ending::Torn, Ending::Torn)
    );
    assert_eq!(ending(&[7; 500]), Ending::Damaged);
}

#[test]
fn a_full_disk_is_known_by_any_name() {
    use std::io::ErrorKind::{Other, QuotaExceeded, StorageFull};
    let error = |kind: std::io::ErrorKind| StateError::of("write", "x".as_ref())(kind.into());
    assert!(error(StorageFull).is_full() && error(QuotaExceeded).is_full() && !error(Other).is_full());
    assert!(!StateError::TooLong(1).is_full());
}

proptest! {
    #[test]
    fn what_was_put_is_read(records in vec(vec(any::<u8>(), 0..50), 0..10)) {
        let bytes = journal(&records);
        let parsed = parse(Kind::Journal, &bytes).unwrap();
        prop_assert_eq!(&parsed.records, &records);
        prop_assert_eq!((parsed.whole_bytes, parsed.ending), (bytes.len(), Ending::Whole));
    }

    #[test]
    fn no_wrong_byte_is_read(
        records in vec(vec(any::<u8>(), 0..50), 1..10),
        place in any::<Index>(),
        bits in 1..=255u8,
    ) {
        let mut bytes = journal(&records);
        let place = place.index(bytes.len());
        bytes[place] ^= bits;
        match parse(Kind::Journal, &bytes) {
            Ok(parsed) => {
                prop_assert!(parsed.whole_bytes <= place && parsed.ending != Ending::Whole);
                prop_assert_eq!(&parsed.records, &records[..parsed.records.len()]);
            }
            Err(error) => prop_assert!(place < HEADER_BYTES && error == Unreadable::Damaged),
        }
    }
}
