//! Paths: what is forwarded never climbs, and means the same when it is parsed again.
//! Input: one byte that picks the method, then the request target.

use flowgate::api::target::Target;
use http::{Method, Uri};

const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::DELETE, Method::PUT];

pub fn check(data: &[u8]) {
    let Some((&choice, uri)) = data.split_first() else { return };
    let Ok(uri) = Uri::try_from(uri) else { return };
    let method = &METHODS[usize::from(choice) % METHODS.len()];
    let Ok(target) = Target::parse(method, uri.path(), uri.query()) else { return };
    let _ = target.model_id();

    let path = target.path.split('?').next().unwrap_or_default();
    assert!(path.starts_with('/') && !path.contains("//"), "{path}");
    assert!(!path.replace("%2f", "/").replace("%2F", "/").split('/').any(climbs), "{path}");

    let again = format!("/v1{}", target.path);
    let again = Uri::try_from(again).expect("what is forwarded is a path");
    assert_eq!(Target::parse(method, again.path(), again.query()), Ok(target));
}

fn climbs(segment: &str) -> bool {
    segment.replace("%2e", ".").replace("%2E", ".") == ".."
}
