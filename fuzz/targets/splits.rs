//! Ways to cut an input into pieces.

/// The ways in which a target that reads a stream must not tell apart: all at once, byte by byte, in pieces of `size`,
/// and in two, cut at each of the first hundred places.
pub fn splits(bytes: &[u8], size: u8) -> impl Iterator<Item = Vec<&[u8]>> {
    let pieces = [1, usize::from(size).max(1)].map(|size| bytes.chunks(size).collect());
    let halves = (1..bytes.len().min(100)).map(|at| bytes.split_at(at)).map(|(left, right)| vec![left, right]);
    pieces.into_iter().chain(halves)
}
