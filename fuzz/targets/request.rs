//! Head and rewrite of a JSON request: no edit means the same bytes, an edit touches its own member only.
//! Input: one byte that picks endpoint and model, then the body.

use bytes::Bytes;
use flowgate::api::head::RequestHead;
use flowgate::api::rewrite::Rewrite;
use flowgate::api::route::Route;
use flowgate::catalog::ResolvedModel;
use serde_json::Value;

const ROUTES: [Route; 4] = [Route::Chat, Route::Completions, Route::Embeddings, Route::Messages];
/// Members that an edit may change.
const EDITED: [&str; 7] =
    ["model", "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options", "encoding_format"];

pub fn check(data: &[u8]) {
    let Some((&choice, body)) = data.split_first() else { return };
    let body = Bytes::copy_from_slice(body);
    let Ok(head) = RequestHead::parse(&body) else { return };
    let route = ROUTES[usize::from(choice) % ROUTES.len()];
    let is_renamed = choice & 4 != 0;
    let id = if is_renamed { "Qwen/\"new\"".to_owned() } else { head.model.to_string() };
    let mut rewrite = Rewrite::plan(route, &head, &ResolvedModel { id: id.clone(), is_renamed });
    let out = rewrite.apply(&body);

    if rewrite.names.is_empty() {
        assert_eq!(out.as_ptr(), body.as_ptr(), "nothing to edit, yet the body was copied");
        assert_eq!(out, body);
    }
    let after = RequestHead::parse(&out).expect("the edited body is a request");
    if head.object.get("model").is_some() {
        assert_eq!(after.model, id);
    }
    let wants_usage = matches!(route, Route::Chat | Route::Completions) && head.is_streaming;
    let is_restreamed = rewrite.names.contains(&"restreamed-tools");
    assert!(!wants_usage || is_restreamed || after.is_usage_asked(), "usage is not asked for");
    assert_eq!(after.is_streaming, head.is_streaming && !is_restreamed);

    let again = Rewrite::plan(route, &after, &ResolvedModel { id, is_renamed: false });
    assert!(again.names.is_empty(), "edited twice: {:?}", again.names);

    // Numbers out of range and deep nesting pass the gateway but not this parser.
    if let Ok(before) = serde_json::from_slice::<Value>(&body) {
        let after: Value = serde_json::from_slice(&out).expect("the edited body is JSON");
        assert_eq!(untouched(&before), untouched(&after));
        assert_eq!(messages(&before), messages(&after));
    }
}

fn untouched(request: &Value) -> Value {
    let mut request = request.clone();
    request.as_object_mut().into_iter().for_each(|object| object.retain(|key, _| !EDITED.contains(&key.as_str())));
    request
}

/// The messages with every `developer` called `system`.
fn messages(request: &Value) -> Option<Value> {
    let mut messages = request.get("messages")?.clone();
    for role in messages.as_array_mut().into_iter().flatten().filter_map(|message| message.get_mut("role")) {
        if role == "developer" {
            *role = "system".into();
        }
    }
    Some(messages)
}
