//! What the upstream means when it refuses: any status and body can be read, and what is quoted stays short.
//! Input: one byte that picks the status, then the body.

use flowgate::upstream::refusal::Refusal;

const STATUSES: [u16; 16] = [200, 400, 401, 402, 403, 404, 410, 413, 418, 422, 429, 500, 502, 503, 504, 999];

pub fn check(data: &[u8]) {
    let Some((&choice, body)) = data.split_first() else { return };
    let status = STATUSES[usize::from(choice) % STATUSES.len()];
    let refusal = Refusal::read(status, body);
    assert_eq!(refusal.status, status);
    assert!(refusal.text.chars().count() <= 500);
    assert!(refusal.quote().len() <= 500 * 4 + 64);
}
