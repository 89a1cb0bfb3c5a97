//! Keys and teams as they are stored, a table of fields each: any text is read or refused with its faults.

use flowgate::config::keys;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(faults) = keys::key("ann", text, &[]) {
        assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.message.is_empty()));
    }
    if let Err(faults) = keys::team("ml", text) {
        assert!(!faults.is_empty());
    }
}
