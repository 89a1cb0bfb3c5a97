//! Damaged files: whatever is in them, nothing panics, and what is broken is told.

use std::path::Path;

use flowgate::ledger::{Store, StoreError};
use flowgate::store::{Database, FILE};

use super::support::{Ledger, everything, rows};

/// The bytes of a closed ledger.
fn bytes() -> Vec<u8> {
    let ledger = Ledger::with(&rows(1..=300));
    let Ledger { folder, store } = ledger;
    drop(store);
    std::fs::read(folder.path().join(FILE)).unwrap()
}

/// Everything that is done to a ledger. Whether anything was found to be wrong.
fn is_told(folder: &Path) -> bool {
    let store = match Database::open(folder, false) {
        Ok(store) => store,
        Err(error) => {
            assert!(
                matches!(error, StoreError::Damaged(..) | StoreError::Failed(..) | StoreError::Newer(_)),
                "{error:?}"
            );
            return true;
        }
    };
    let faults = store.check();
    let tried = [
        store.sums(&everything()).is_err(),
        store.rows(0, 1000).is_err(),
        store.last_seq().is_err(),
        store.file(&rows(290..=310)).is_err(),
        store.forget(u64::MAX, 50).is_err(),
    ];
    tried.contains(&true) || faults.map_or(true, |faults| !faults.is_empty())
}

fn with(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), bytes).unwrap();
    folder
}

#[test]
fn what_is_no_database_is_damaged() {
    let folder = with(&b"this is no database, and long enough to be looked at. ".repeat(20));
    for opened in [Database::open(folder.path(), false), Database::open_to_read(folder.path())] {
        let error = opened.unwrap_err();
        assert!(matches!(&error, StoreError::Damaged(place, _) if place.ends_with(FILE)), "{error:?}");
    }
}

#[test]
fn a_file_that_was_cut_is_told() {
    let whole = bytes();
    assert!(!is_told(with(&whole).path()));
    for length in [100, 4096, whole.len() / 2, whole.len() - 4096] {
        assert!(is_told(with(&whole[..length]).path()), "cut to {length}");
    }
}

/// A page of noise anywhere.
#[test]
fn a_page_of_noise_is_told() {
    let whole = bytes();
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for page in 0..whole.len() / 4096 {
        let mut broken = whole.clone();
        for byte in &mut broken[page * 4096..(page + 1) * 4096] {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (noise >> 56) as u8;
        }
        assert!(is_told(with(&broken).path()), "page {page}");
    }
}

/// Single bits: most are told, for what they change is counted again; some lie where nothing is. None is a panic.
#[test]
fn flipped_bits_never_panic() {
    let whole = bytes();
    let mut told = 0;
    let places: Vec<usize> = (0..whole.len()).step_by(whole.len() / 60).collect();
    for place in &places {
        let mut broken = whole.clone();
        broken[*place] ^= 1 << (place % 8);
        told += usize::from(is_told(with(&broken).path()));
    }
    assert!(told * 10 > places.len(), "only {told} of {} were told", places.len());
}
