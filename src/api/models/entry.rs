//! One entry of the list: the upstream's bytes, with what SDKs need and what we know.

use serde_json::Value;

use crate::wire::json::{Object, quote};

/// The member of an entry, and of the list, that is ours.
pub(super) const OURS: &str = "flowgate";

/// The maker, as its name stands in front of the slash.
pub(super) fn owner(id: &str) -> &str {
    let id = id.strip_prefix(crate::catalog::PRO).unwrap_or(id);
    id.split_once('/').map_or("", |(maker, _)| maker)
}

/// `entry` to the byte, with the members that OpenAI's SDKs need, should they be missing, and ours at the end. `None` when
/// it is no object.
pub(super) fn with_members(entry: &str, owner: &str, known: &Value) -> Option<String> {
    let object = Object::parse(entry).ok()?;
    let mut text = entry.trim_end().to_owned();
    // Another flowgate upstream has said what it knows; ours is what holds here.
    let theirs: Vec<usize> = object.position(OURS).into_iter().collect();
    for range in object.removals(&theirs).into_iter().rev() {
        text.replace_range(range, "");
    }
    let mut more = String::new();
    for (name, value) in [("object", "\"model\"".to_owned()), ("created", "0".to_owned()), ("owned_by", quote(owner))] {
        if object.get(name).is_none() {
            more.push_str(&format!("\"{name}\":{value},"));
        }
    }
    let body = text.strip_suffix('}')?.trim_end();
    let comma = if body.ends_with('{') { "" } else { "," };
    Some(format!("{body}{comma}{more}\"{OURS}\":{known}}}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(entry: &str) -> String {
        with_members(entry, "Qwen", &json!({"a": 1})).unwrap()
    }

    #[test]
    fn an_entry_keeps_its_bytes() {
        let entry = r#"{ "id" :"x", "object":"model","created":1.50,"owned_by":"y", "z":[ 1 ] }"#;
        let kept = &entry[..entry.len() - 2];
        assert_eq!(with(entry), format!("{kept},\"flowgate\":{{\"a\":1}}}}"));
    }

    #[test]
    fn what_sdks_need_is_added() {
        let expected = r#"{"id":"x","object":"model","created":0,"owned_by":"Qwen","flowgate":{"a":1}}"#;
        assert_eq!(with(r#"{"id":"x"}"#), expected);
        assert_eq!(with(r#"{"flowgate":{"b":2},"id":"x"}"#), expected);
        assert_eq!(with(r#"{"id":"x","flowgate":{"b":2}}"#), expected);
        assert_eq!(with_members("[]", "", &Value::Null), None);
    }

    #[test]
    fn makers_are_in_front_of_the_slash() {
        assert_eq!((owner("Pro/BAAI/bge-m3"), owner("Qwen/Qwen3-8B"), owner("gpt-4o")), ("BAAI", "Qwen", ""));
    }
}
