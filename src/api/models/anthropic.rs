//! The list of models as Anthropic's SDKs read it (`models.list()`, `models.retrieve()`): those that chat, page by page.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// OpenAI's list as Anthropic's; `path` has the caller's `limit`, `after_id` and `before_id`. `None` when it is no list.
pub(super) fn list(openai: &str, path: &str) -> Option<String> {
    let list: Value = serde_json::from_str(openai).ok()?;
    let all: Vec<&Value> = list["data"].as_array()?.iter().filter(|entry| talks(entry)).collect();
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let asked = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let place = |name: &str| {
        let id = super::decode(asked(name)?);
        all.iter().position(|entry| entry["id"] == *id)
    };
    let limit = asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(all.len()).max(1);
    let (page, has_more) = match (place("after_id"), place("before_id")) {
        (_, Some(end)) => (&all[end.saturating_sub(limit)..end], end > limit),
        (after, None) => {
            let rest = &all[after.map_or(0, |after| after + 1)..];
            (&rest[..limit.min(rest.len())], rest.len() > limit)
        }
    };
    let id = |entry: Option<&&Value>| entry.map_or(Value::Null, |entry| entry["id"].clone());
    let data: Vec<Value> = page.iter().map(|entry| info(entry)).collect();
    Some(
        json!({"data": data, "has_more": has_more, "first_id": id(page.first()), "last_id": id(page.last())})
            .to_string(),
    )
}

/// One of OpenAI's entries as Anthropic's.
pub(super) fn one(openai: &str) -> Option<String> {
    Some(info(&serde_json::from_str(openai).ok()?).to_string())
}

/// Whether it answers messages, as far as that is known.
fn talks(entry: &Value) -> bool {
    entry["flowgate"]["kind"].as_str().is_none_or(|kind| matches!(kind, "chat" | "vision" | "ocr"))
}

fn info(entry: &Value) -> Value {
    let created =
        SystemTime::UNIX_EPOCH + Duration::from_secs(entry["created"].as_u64().unwrap_or(0).min(u64::from(u32::MAX)));
    let created = humantime::format_rfc3339_seconds(created).to_string();
    let known = &entry["flowgate"];
    let lifecycle = if known["status"] == "gone" || !known["deprecated"].is_null() { "deprecated" } else { "active" };
    json!({
        "type": "model", "id": entry["id"], "display_name": entry["id"], "created_at": created, "lifecycle": lifecycle,
        "max_input_tokens": known["context"], "max_tokens": known["max_output"], "flowgate": known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"object":"list","data":[
        {"id":"a/1","created":1700000000,"flowgate":{"kind":"chat"}},
        {"id":"e/1","flowgate":{"kind":"embedding"}},
        {"id":"b/2","flowgate":{"kind":"vision"}},{"id":"c/3"}]}"#;

    fn page(query: &str) -> (Vec<String>, bool) {
        let list: Value = serde_json::from_str(&list(LIST, &format!("/models{query}")).unwrap()).unwrap();
        let ids: Vec<String> =
            list["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!((&list["first_id"], &list["last_id"]), (&json!(ids.first()), &json!(ids.last())));
        (ids, list["has_more"] == true)
    }

    #[test]
    fn pages_follow_each_other() {
        let check = |query, ids: &[&str], has_more| {
            assert_eq!(page(query), (ids.iter().map(|id| (*id).to_owned()).collect(), has_more), "{query}");
        };
        check("", &["a/1", "b/2", "c/3"], false);
        check("?limit=2", &["a/1", "b/2"], true);
        check("?limit=2&after_id=b%2F2", &["c/3"], false);
        check("?limit=1&before_id=c/3", &["b/2"], true);
        check("?after_id=c/3", &[], false);
        check("?limit=0&after_id=none", &["a/1"], true);
    }

    #[test]
    fn an_entry_says_when_it_was_made() {
        let entry: Value = serde_json::from_str(&one(r#"{"id":"a/1","created":1700000000}"#).unwrap()).unwrap();
        assert_eq!((&entry["type"], &entry["created_at"]), (&json!("model"), &json!("2023-11-14T22:13:20Z")));
        assert_eq!((&entry["lifecycle"], &entry["max_tokens"]), (&json!("active"), &Value::Null));
    }
}
