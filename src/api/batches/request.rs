//! A batch as OpenAI asks for it, checked and put right for SiliconFlow (siliconflow-api.md, section 13). Pure.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::bridge::BridgeError;

/// The only endpoint whose requests can be sent as a batch.
const ENDPOINT: &str = "/v1/chat/completions";
/// Hours that a batch may take.
const HOURS: std::ops::RangeInclusive<u32> = 24..=336;

/// The body as it goes upstream, and the names of what was changed.
///
/// # Errors
/// [`BridgeError`] where a member cannot be carried.
pub(super) fn read(body: &Bytes) -> Result<(Bytes, Vec<&'static str>), BridgeError> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Err(BridgeError { message: "The body must be one JSON object.".to_owned(), param: None, code: None });
    };
    let mut edits = Vec::new();
    if !fields.get("input_file_id").is_some_and(Value::is_string) {
        return Err(BridgeError::about(
            "input_file_id",
            "`input_file_id` must be the id of a file of `POST /v1/files`.",
        ));
    }
    match fields.get("endpoint").and_then(Value::as_str) {
        Some(ENDPOINT) => {}
        Some("/chat/completions") => {
            fields.insert("endpoint".to_owned(), json!(ENDPOINT));
            edits.push("endpoint");
        }
        _ => {
            let message =
                format!("SiliconFlow runs batches of chat completions only: `endpoint` must be `{ENDPOINT}`.");
            return Err(BridgeError::unsupported("endpoint", message));
        }
    }
    let window = fields.get("completion_window").and_then(Value::as_str).and_then(|window| window.strip_suffix('h'));
    if !window.is_some_and(|hours| hours.parse().is_ok_and(|hours| HOURS.contains(&hours))) {
        return Err(BridgeError::about("completion_window", "`completion_window` must be from `24h` to `336h`."));
    }
    if fields.remove("output_expires_after").is_some_and(|after| !after.is_null()) {
        edits.push("without-output-expires-after");
    }
    let body = if edits.is_empty() { body.clone() } else { Value::Object(fields).to_string().into() };
    Ok((body, edits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_is_carried_named_or_refused() {
        let with = |more: Value| {
            let mut body = json!({"input_file_id": "file-1", "endpoint": ENDPOINT, "completion_window": "24h"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Bytes::from(body.to_string())
        };
        let plain = with(json!({"metadata": {"a": "b"}, "replace": {"model": "m"}}));
        assert_eq!(read(&plain), Ok((plain.clone(), vec![])));
        let (body, edits) =
            read(&with(json!({"endpoint": "/chat/completions", "output_expires_after": {"seconds": 1}}))).unwrap();
        assert_eq!((body, edits), (with(json!({})), vec!["endpoint", "without-output-expires-after"]));
        for (more, param) in [
            (json!({"endpoint": "/v1/embeddings"}), "endpoint"),
            (json!({"endpoint": null}), "endpoint"),
            (json!({"completion_window": "1h"}), "completion_window"),
            (json!({"completion_window": "24"}), "completion_window"),
            (json!({"input_file_id": 7}), "input_file_id"),
        ] {
            assert_eq!(read(&with(more.clone())).unwrap_err().param.as_deref(), Some(param), "{more}");
        }
        assert!(read(&Bytes::from_static(b"[]")).is_err());
    }
}
