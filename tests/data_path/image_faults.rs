//! Pictures that are none, or lead where nobody should go: none is kept, none is handed on, each is told and charged.

use flowgate::config::Overrides;
use flowgate::mock::{MockServer, MockSettings, start};
use serde_json::{Value, json};

use super::images::{KOLORS, draw};
use super::support::{Act, Got, Rig, Script, UPSTREAM_KEY, json_answer, soon};

async fn faulty(rig: &Rig, fault: &str, more: Value) -> Got {
    let mut body = json!({"model": format!("fault/{fault}@{KOLORS}"), "prompt": "x"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    draw(rig, body).await
}

/// Every way in which a link can be wrong, by the emulator's name and by the cause that is counted.
const FAULTS: [(&str, &str, &str); 11] = [
    ("picture-private", "address", "not public"),
    ("picture-plain", "scheme", "not https"),
    ("picture-redirect", "redirect", "redirect (302)"),
    ("picture-404", "status", "answered 404"),
    ("picture-expired", "status", "answered 403"),
    ("picture-html", "content", "no picture"),
    ("picture-html-png", "content", "no picture"),
    ("picture-svg", "content", "no picture"),
    ("picture-endless", "too_large", "larger than 16777216 bytes"),
    ("picture-torn", "broken", "broke off"),
    ("picture-stall", "too_slow", "media.fetch_timeout"),
];

#[tokio::test]
async fn hostile_pictures_are_refused_and_said_to_be_charged() {
    let rig = Rig::mocked("[media]\nfetch_timeout = \"2s\"\n").await;
    for (fault, cause, says) in FAULTS {
        for format in ["url", "b64_json"] {
            let before = rig.metric("flowgate_media_refused_total", &[cause]).await;
            let got = faulty(&rig, fault, json!({"response_format": format})).await;
            assert_eq!(got.error(), "502 server_error/upstream_bad_picture", "{fault}");
            let text = got.text();
            assert!(text.contains(says) && text.contains("charged"), "{fault}: {text}");
            assert!(!text.contains("Signature") && !text.contains("169.254"), "{fault}: {text}");
            assert_eq!(got.header("x-should-retry"), Some("false"), "{fault}");
            assert_eq!(rig.metric("flowgate_media_refused_total", &[cause]).await, before + 1.0, "{fault}");
        }
    }
    let billed = rig.mock().control().billed().total;
    assert_eq!(billed.images, 2 * FAULTS.len() as u64, "each was asked for once");
    rig.metric_becomes("flowgate_media_files", &[], 0.0).await;
    rig.metric_becomes("flowgate_upstream_errors_total", &["bad_answer"], 2.0 * FAULTS.len() as f64).await;
    rig.is_idle().await;
}

#[tokio::test]
async fn a_host_that_nobody_knows_keeps_its_link_and_says_so() {
    let rig = Rig::mocked("").await;
    let got = faulty(&rig, "picture-elsewhere", json!({})).await;
    assert!(got.json()["data"][0]["url"].as_str().unwrap().starts_with("https://pictures.example.com/"));
    assert!(got.header("x-flowgate-edits").unwrap().contains("upstream-url"));
    let base64 = faulty(&rig, "picture-elsewhere", json!({"response_format": "b64_json"})).await;
    assert_eq!(base64.error(), "502 server_error/upstream_bad_picture");
    assert!(
        base64.text().contains("`pictures.example.com`") && base64.text().contains("media.hosts"),
        "{}",
        base64.text()
    );
}

#[tokio::test]
async fn one_bad_picture_of_several_spoils_the_answer() {
    let rig = Rig::mocked("").await;
    let got = faulty(&rig, "picture-404", json!({"n": 4})).await;
    assert_eq!(got.error(), "502 server_error/upstream_bad_picture");
    let good = faulty(&rig, "no-data", json!({"n": 4})).await;
    assert_eq!(good.json()["data"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn answers_without_a_picture_are_none() {
    for body in
        [r#"{"images":[]}"#, r#"{"images":[{"b64":"x"}]}"#, r#"{"seed":1}"#, r#"{"images":"x","data":null}"#, "[]"]
    {
        let upstream = Script::always(vec![json_answer(200, body)]).await;
        let rig = Rig::before(&upstream.base_url(), "").await;
        let got = draw(&rig, json!({"model": KOLORS, "prompt": "x"})).await;
        assert_eq!(got.status, 502, "{body}");
        assert_eq!((got.header("x-should-retry"), upstream.seen().len()), (got.header("x-should-retry"), 1));
    }
}

/// A length that lies, on the upstream's own host.
#[tokio::test]
async fn a_length_that_lies_is_found_out() {
    for length in [10, 5000] {
        let upstream = Script::new(move |seen| {
            if seen.path().contains("images") {
                let url = format!("http://{}/a.png", seen.header("host").unwrap());
                return vec![json_answer(200, json!({"images": [{"url": url}]}).to_string())];
            }
            let picture = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR....\0\0\0\0IEND\xae\x42\x60\x82";
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: {length}\r\n\r\n");
            vec![Act::Say([head.as_bytes(), picture].concat()), Act::Close]
        })
        .await;
        let rig = Rig::before(&upstream.base_url(), "").await;
        let got = draw(&rig, json!({"model": KOLORS, "prompt": "x"})).await;
        assert_eq!(got.error(), "502 server_error/upstream_bad_picture", "{length}");
    }
}

/// A gateway that keeps a ledger, in front of an emulator.
async fn kept() -> (MockServer, Rig) {
    let mock =
        start(MockSettings { api_keys: vec![UPSTREAM_KEY.to_owned()], ..MockSettings::default() }).await.unwrap();
    let config = format!(
        "[upstream]\nbase_url = \"{}\"\n[[account]]\nname = \"main\"\napi_key = {{ env = \"UPSTREAM\" }}\nrule = \"off\"\n",
        mock.base_url()
    );
    let rig = Rig::with(&config, Overrides::default()).await;
    (mock, rig)
}

/// What was drawn is in the ledger once, whatever became of it afterwards.
#[tokio::test]
async fn pictures_that_could_not_be_handed_on_are_charged() {
    let (_mock, rig) = kept().await;
    let count = async || {
        let usage = Got::of(rig.request(reqwest::Method::GET, "/flowgate/usage")).await.json();
        (usage["today"]["total"]["requests"].as_u64().unwrap(), usage["today"]["total"]["images"].as_u64().unwrap())
    };
    let good = draw(&rig, json!({"model": KOLORS, "prompt": "x", "n": 2})).await;
    assert_eq!((good.status, good.header("x-flowgate-cost-cny")), (200, Some("0.00")));
    let several = draw(&rig, json!({"model": "Qwen/Qwen-Image", "prompt": "x", "n": 3})).await;
    assert_eq!((several.status, several.header("x-flowgate-cost-cny")), (200, Some("0.90")));
    assert_eq!(faulty(&rig, "picture-html", json!({"n": 4})).await.status, 502);
    assert_eq!(draw(&rig, json!({"model": KOLORS, "prompt": "x", "size": "1x1"})).await.status, 400);
    soon("three requests and nine pictures", async || count().await == (4, 9)).await;
}

/// Pictures that die upstream live here: a day later by the upstream's clock, the same to the byte.
#[tokio::test]
async fn a_picture_outlives_its_link() {
    let (mock, rig) = kept().await;
    let answer = draw(&rig, json!({"model": KOLORS, "prompt": "x", "seed": 5})).await.json();
    let own = answer["data"][0]["url"].clone();
    // The emulator's link, from a gateway that keeps nothing.
    let passing = Rig::before(&mock.base_url(), "[media]\nkeep = \"0s\"\n").await;
    let link =
        draw(&passing, json!({"model": KOLORS, "prompt": "x", "seed": 5})).await.json()["data"][0]["url"].clone();
    let get = async |url: &Value| Got::of(rig.client.get(url.as_str().unwrap())).await;
    let (ours, theirs) = (get(&own).await, get(&link).await);
    assert!(ours.status == 200 && ours.body == theirs.body);
    mock.control().advance(std::time::Duration::from_secs(3599));
    assert_eq!(get(&link).await.status, 200);
    mock.control().advance(std::time::Duration::from_secs(24 * 3600));
    assert_eq!(get(&link).await.status, 403);
    let later = get(&own).await;
    assert_eq!((later.status, later.header("etag")), (200, ours.header("etag")));
    assert!(later.body == ours.body);
}
