//! The files of the state folder: any bytes are read or refused, what is read is there byte for byte, and a wrong byte
//! is never read. Input: four bytes (length of the records, place of a wrong byte, its bits), then a file, which is
//! also taken for the records of one.

use flowgate::state::format::{Header, Kind, parse, put};

const HEADER: Header = Header { generation: 3, preceding: 4711 };

pub fn check(data: &[u8]) {
    let Some((&[size, low, high, bits], file)) = data.split_first_chunk() else { return };
    read(Kind::Journal, file);
    read(Kind::Snapshot, file);
    let records: Vec<&[u8]> = file.chunks(usize::from(size).max(1)).collect();
    let mut bytes = written(Kind::Journal, HEADER, &records);
    let place = usize::from(u16::from_le_bytes([low, high])) % bytes.len();
    bytes[place] ^= bits;
    if let Some(found) = read(Kind::Journal, &bytes) {
        assert!(records.starts_with(&found));
        assert_eq!(found.len() == records.len(), bits == 0);
    }
}

/// The records of a file, which are what would be written for them.
fn read(kind: Kind, bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let parsed = parse(kind, bytes).ok()?;
    assert_eq!(written(kind, parsed.header, &parsed.records), bytes[..parsed.whole_bytes]);
    Some(parsed.records)
}

fn written(kind: Kind, header: Header, records: &[&[u8]]) -> Vec<u8> {
    let mut bytes = header.encode(kind).to_vec();
    records.iter().for_each(|record| put(&mut bytes, header.generation, record).expect("shorter than 4 GiB"));
    bytes
}
