//! Files in OpenAI's shapes: SiliconFlow wraps its answers and calls one member otherwise (siliconflow-api.md, section 13).
//! Pure.

use bytes::Bytes;
use serde_json::{Value, json};

/// The file in an answer; `None` where there is none.
pub(super) fn one(answer: &[u8]) -> Option<Bytes> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let file = unwrapped(answer);
    (file["object"] == "file" || file["id"].is_string()).then(|| object(file).to_string().into())
}

/// The files in an answer, as OpenAI's list.
pub(super) fn list(answer: &[u8]) -> Option<Bytes> {
    let (files, has_more) = entries(answer)?;
    let id = |file: Option<&Value>| file.map_or(Value::Null, |file| file["id"].clone());
    let (first, last) = (id(files.first()), id(files.last()));
    let list = json!({"object": "list", "data": files, "first_id": first, "last_id": last, "has_more": has_more});
    Some(list.to_string().into())
}

/// The file `id` out of the list in an answer, if it is in it; `None` where that is no list.
pub(super) fn find(answer: &[u8], id: &str) -> Option<Option<Bytes>> {
    let (files, _) = entries(answer)?;
    Some(files.into_iter().find(|file| file["id"] == id).map(|file| file.to_string().into()))
}

fn entries(answer: &[u8]) -> Option<(Vec<Value>, bool)> {
    let answer = unwrapped(serde_json::from_slice(answer).ok()?);
    let has_more = answer["has_more"] == true;
    let files = match answer {
        Value::Array(files) => files,
        mut list => match list["data"].take() {
            Value::Array(files) => files,
            _ => return None,
        },
    };
    Some((files.into_iter().map(object).collect(), has_more))
}

/// What is in the wrapper `{"code": 20000, …, "data": …}`.
fn unwrapped(mut answer: Value) -> Value {
    if answer["code"].is_number() { answer["data"].take() } else { answer }
}

/// A file as OpenAI has it. One that was taken can be used at once, so that programs which wait for that need not.
fn object(mut file: Value) -> Value {
    if let Some(fields) = file.as_object_mut() {
        if let Some(created) = fields.remove("createdAt") {
            fields.entry("created_at").or_insert(created);
        }
        fields.entry("object").or_insert_with(|| json!("file"));
        fields.entry("status").or_insert_with(|| json!("processed"));
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_unwrapped() {
        let file = r#"{"id":"file-1","object":"file","bytes":3,"createdAt":7,"filename":"a.jsonl","purpose":"batch"}"#;
        let expected = json!({"id": "file-1", "object": "file", "bytes": 3, "created_at": 7, "filename": "a.jsonl", "purpose": "batch", "status": "processed"});
        let wrapped = |data: &str| format!(r#"{{"code":20000,"message":"Ok","status":true,"data":{data}}}"#);
        let parsed = |bytes: Option<Bytes>| serde_json::from_slice::<Value>(&bytes.unwrap()).unwrap();
        assert_eq!(parsed(one(wrapped(file).as_bytes())), expected);
        assert_eq!(parsed(one(file.as_bytes())), expected);
        for data in [format!("[{file}]"), format!(r#"{{"object":"list","data":[{file}]}}"#)] {
            let list_of = parsed(list(wrapped(&data).as_bytes()));
            let all = json!({"object": "list", "data": [expected], "first_id": "file-1", "last_id": "file-1", "has_more": false});
            assert_eq!(list_of, all);
            assert_eq!(parsed(find(wrapped(&data).as_bytes(), "file-1").unwrap()), expected);
            assert_eq!(find(wrapped(&data).as_bytes(), "file-2"), Some(None));
        }
        assert_eq!((one(b"{}"), list(b"{}"), find(b"[]x", "a")), (None, None, None));
    }
}
