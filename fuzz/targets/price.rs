//! Prices as they stand in rows: whatever was read is written and read again as the same.

use flowgate::ledger::price::Price;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(price) = Price::of_json(text) else { return };
    assert_eq!(Price::of_json(&price.to_json()), Some(price));
}
