//! `GET /flowgate/media/{name}`: who gets what is kept, and in which parts.

use reqwest::Method;
use serde_json::json;

use super::images::{KOLORS, PATH, is_png};
use super::support::{Got, Rig};

const KEYS: &str = r#"
[[key]]
name = "ann"
secret = { env = "KEY_ANN" }
[[key]]
name = "bob"
secret = { env = "KEY_BOB" }
endpoints = ["/chat/completions"]
"#;
const ANN: &str = "sk-ann-canary-1";
const BOB: &str = "sk-bob-canary-2";

/// A picture of ann's: the path of its link, and the query.
async fn picture(rig: &Rig) -> (String, String) {
    let body = json!({"model": KOLORS, "prompt": "x", "image_size": "1024x1024"});
    let got = Got::of(rig.post(PATH, body.to_string()).bearer_auth(ANN)).await;
    assert_eq!(got.header("x-flowgate-edits"), None);
    let url = got.json()["data"][0]["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&format!("http://{}", rig.address)).unwrap();
    let (path, query) = path.split_once('?').unwrap();
    (path.to_owned(), query.to_owned())
}

#[tokio::test]
async fn the_key_that_made_it_and_its_link_open_it() {
    let rig = Rig::mocked(KEYS).await;
    let (path, query) = picture(&rig).await;
    let get = async |path: &str, key: Option<&str>| {
        let request = rig.request(Method::GET, path);
        Got::of(key.map_or(rig.request(Method::GET, path), |key| request.bearer_auth(key))).await
    };
    let signed = format!("{path}?{query}");
    for (path, key) in [(&signed, None), (&signed, Some(BOB)), (&path, Some(ANN)), (&format!("/v1{path}"), Some(ANN))] {
        let got = get(path, key).await;
        assert!(got.status == 200 && is_png(&got.body), "{path} {key:?}");
        assert_eq!(got.header("content-type"), Some("image/png"));
        assert_eq!(got.header("content-length"), Some(&*got.body.len().to_string()));
        assert_eq!(
            (got.header("x-content-type-options"), got.header("accept-ranges")),
            (Some("nosniff"), Some("bytes"))
        );
        assert_eq!(got.header("content-security-policy"), Some("default-src 'none'; sandbox"));
        assert!(got.header("cache-control").unwrap().starts_with("private, max-age="));
        assert!(got.header("etag").unwrap().len() == 66 && got.header("x-request-id").is_some());
    }
    let unknown = "/flowgate/media/0123456789abcdef0123456789abcdef.png";
    let absent = get(unknown, Some(ANN)).await;
    assert_eq!(absent.error(), "404 invalid_request_error/media_not_found");
    let changed = signed.replace("signature=", "signature=0");
    let longer = signed.replace("expires=", "expires=9");
    for (path, key) in [
        (&path, Some(BOB)),
        (&path, None),
        (&changed, None),
        (&longer, None),
        (&signed.replace(".png", ".gif"), None),
        (&format!("{unknown}?{query}"), None),
        (&"/flowgate/media/lock".to_owned(), Some(ANN)),
        (&"/flowgate/media/a%2f..%2fb.png".to_owned(), None),
    ] {
        let got = get(path, key).await;
        assert!(got.body == absent.body || got.status == 400, "{path} {key:?}: {}", got.text());
    }
    assert_eq!(get(&path, Some("sk-wrong")).await.error(), "401 invalid_request_error/invalid_api_key");
    rig.metric_becomes("flowgate_requests_total", &["route=\"/flowgate/media/{name}\"", "code=\"200\""], 4.0).await;
    rig.is_idle().await;
}

#[tokio::test]
async fn in_parts_and_only_when_it_has_changed() {
    let rig = Rig::mocked("").await;
    let (path, _) = picture(&rig).await;
    let get = async |headers: &[(&str, &str)]| {
        let mut request = rig.request(Method::GET, &path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Got::of(request).await
    };
    let whole = get(&[]).await;
    let (etag, length) = (whole.header("etag").unwrap(), whole.body.len());
    for (range, from, to) in
        [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=-8", length - 8, length), ("bytes=100-", 100, length)]
    {
        let part = get(&[("range", range)]).await;
        assert_eq!((part.status, &part.body[..]), (206, &whole.body[from..to]), "{range}");
        assert_eq!(part.header("content-range"), Some(&*format!("bytes {from}-{}/{length}", to - 1)));
    }
    let nowhere = get(&[("range", "bytes=999999-")]).await;
    assert_eq!((nowhere.status, nowhere.header("content-range")), (416, Some(&*format!("bytes */{length}"))));
    assert_eq!(get(&[("range", "bytes=0-1,4-5")]).await.body, whole.body);
    assert_eq!(get(&[("range", "bytes=0-1"), ("if-range", "\"other\"")]).await.body, whole.body);
    assert_eq!(get(&[("range", "bytes=0-1"), ("if-range", etag)]).await.status, 206);
    let same = get(&[("if-none-match", etag)]).await;
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some(etag)));
    assert_eq!(get(&[("if-none-match", "\"other\"")]).await.status, 200);
    let head = Got::of(rig.request(Method::HEAD, &path)).await;
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some(&*length.to_string())));
    assert_eq!(Got::of(rig.post(&path, "{}")).await.error(), "405 invalid_request_error/null");
}
