//! Ids of requests: unique over restarts, without a lock or a system call.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

static SEED: LazyLock<[u64; 2]> = LazyLock::new(|| [RandomState::new().hash_one(0), RandomState::new().hash_one(1)]);
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A fresh id such as `req_6f1d0c2b9a8e4f7700000000000000a1`.
pub(super) fn fresh() -> Arc<str> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut id = String::with_capacity(36);
    id.push_str("req_");
    for word in [mixed(SEED[0] ^ number), mixed(SEED[1].wrapping_add(number))] {
        id.extend((0..16).rev().map(|digit| hex(word >> (digit * 4))));
    }
    id.into()
}

/// The lowest four bits as a digit.
fn hex(bits: u64) -> char {
    char::from(b"0123456789abcdef"[(bits & 15) as usize])
}

/// The finaliser of SplitMix64: a bijection, so that different numbers stay different.
fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_differ_and_have_one_length() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| super::fresh()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 36));
    }
}
