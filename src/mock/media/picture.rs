//! A small PNG: a pattern of squares in two colours that depend on the seed. Every picture is 64 by 64, whatever size
//! was asked for, to keep tests quick (ours).

use super::packing::{crc32, zlib};
use crate::mock::seed::Numbers;
use bytes::Bytes;

/// Width and height in pixels.
const SIDE: u32 = 64;
/// Width and height of one square of the pattern, in pixels.
const SQUARE: u32 = 8;

/// The picture of that seed.
pub(in crate::mock) fn png(seed: u64) -> Bytes {
    let mut header = Vec::new();
    header.extend(SIDE.to_be_bytes());
    header.extend(SIDE.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]); // 8 bits, RGB, default compression and filter, not interlaced
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"IDAT", &zlib(&rows(seed)));
    chunk(&mut file, b"IEND", &[]);
    file.into()
}

fn rows(seed: u64) -> Vec<u8> {
    let mut numbers = Numbers::from(seed);
    let colours = [numbers.next().to_be_bytes(), numbers.next().to_be_bytes()];
    let squares = numbers.next();
    let mut bytes = Vec::new();
    for row in 0..SIDE {
        bytes.push(0); // no filter
        for column in 0..SIDE {
            let square = row / SQUARE * (SIDE / SQUARE) + column / SQUARE;
            let [red, green, blue, ..] = colours[usize::from(squares >> square & 1 == 1)];
            bytes.extend([red, green, blue]);
        }
    }
    bytes
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    let named = [name.as_slice(), data].concat();
    file.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    file.extend(&named);
    file.extend(crc32(&named).to_be_bytes());
}
