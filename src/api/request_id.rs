//! Ids of requests: unique over restarts, without a lock or a system call.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ledger::Id;

static SEED: LazyLock<[u64; 2]> = LazyLock::new(|| [RandomState::new().hash_one(0), RandomState::new().hash_one(1)]);
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Five bits each (Crockford's base 32): no two look alike.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A fresh id such as `req_5x3m9q0hc7vk2t8ra6wn`: as long as an [`Id`] may be that takes no memory of its own.
pub(super) fn fresh() -> Id {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Of the first all bits are there, so that it is unique; of the second 36, so that it is over restarts as well.
    let words = [mixed(SEED[0] ^ number), mixed(SEED[1].wrapping_add(number))].map(u128::from);
    let bits = (words[0] << 64 | words[1]) >> 28;
    let mut id = Id::const_new("req_");
    id.extend((0..20).rev().map(|digit| char::from(DIGITS[(bits >> (digit * 5)) as usize & 31])));
    id
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
    fn ids_differ_and_take_no_memory_of_their_own() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| super::fresh()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 24 && !id.is_heap_allocated()));
    }
}
