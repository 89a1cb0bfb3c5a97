//! The list as it is kept in the state folder.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::catalog::live::LiveList;

/// The note's name in the state folder.
pub(super) const NOTE: &str = "models";

/// What is kept over restarts.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    /// Another upstream has other models.
    base_url: &'a str,
    /// Seconds since the epoch.
    fetched: u64,
    #[serde(borrow)]
    list: &'a RawValue,
}

/// The kept list, if it is of the upstream at `base_url`.
pub(super) fn read(kept: &[u8], base_url: &str) -> Option<LiveList> {
    let kept: Kept<'_> = serde_json::from_slice(kept).ok().filter(|kept: &Kept<'_>| kept.base_url == base_url)?;
    let fetched = UNIX_EPOCH.checked_add(Duration::from_secs(kept.fetched))?;
    LiveList::parse(kept.list.get(), fetched).ok()
}

pub(super) fn write(base_url: &str, list: &LiveList) -> Option<Vec<u8>> {
    let raw = RawValue::from_string(list.json()).ok()?;
    serde_json::to_vec(&Kept { base_url, fetched: seconds(list.fetched), list: &raw }).ok()
}

/// Seconds since the epoch.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_for_the_same_upstream_only() {
        let fetched = UNIX_EPOCH + Duration::from_secs(1_795_190_400);
        let list = LiveList::parse(r#"{"data":[{"id":"a/b","x":1.10}]}"#, fetched).unwrap();
        let kept = write("https://a.example/v1", &list).unwrap();
        assert_eq!(read(&kept, "https://a.example/v1"), Some(list));
        assert_eq!(read(&kept, "https://b.example/v1"), None);
        for torn in 0..kept.len() {
            assert_eq!(read(&kept[..torn], "https://a.example/v1"), None);
        }
    }
}
