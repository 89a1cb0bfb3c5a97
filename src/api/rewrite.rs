//! The edits that a JSON request needs before it goes upstream. Each has a name, and the caller is
//! told the names in `x-flowgate-edits`. Nothing else changes, to the byte.

use bytes::Bytes;

use super::head::RequestHead;
use super::route::Route;
use crate::catalog::{ResolvedModel, quirks};
use crate::wire::json::{self, Object};
use crate::wire::splice::{self, Edit};

/// Edits collected for one request.
#[derive(Debug, Default)]
pub struct Rewrite {
    edits: Vec<Edit>,
    /// Names of the edits, for the caller.
    pub names: Vec<&'static str>,
}

impl Rewrite {
    /// The edits for `head`.
    pub fn plan(route: Route, head: &RequestHead<'_>, model: &ResolvedModel) -> Self {
        let mut rewrite = Self::default();
        rewrite.model(head, model);
        match route {
            Route::Chat => rewrite.chat(head, model),
            Route::Completions => rewrite.ask_usage(head),
            Route::Embeddings => rewrite.drop_blank_encoding(head),
            _ => {}
        }
        rewrite
    }

    /// The body with the edits made; the same bytes when there are none.
    pub fn apply(&mut self, body: &Bytes) -> Bytes {
        splice::apply(body, &mut self.edits)
    }

    fn chat(&mut self, head: &RequestHead<'_>, model: &ResolvedModel) {
        self.developer_role(head);
        self.max_completion_tokens(head);
        if head.is_streaming && quirks::breaks_streamed_tools(&model.id) && head.has_tools() {
            self.stream_off(head);
        } else {
            self.ask_usage(head);
        }
    }

    fn model(&mut self, head: &RequestHead<'_>, model: &ResolvedModel) {
        if let Some(member) = head.object.get("model").filter(|_| model.is_renamed) {
            self.add("model", [Edit::replace(member.span.clone(), json::quote(&model.id))]);
        }
    }

    /// OpenAI's `developer` role is unknown upstream (siliconflow-api.md, section 2).
    fn developer_role(&mut self, head: &RequestHead<'_>) {
        let Some(messages) = head.object.get("messages") else { return };
        if memchr::memmem::find(messages.value.as_bytes(), b"\"developer\"").is_none() {
            return;
        }
        let roles = json::elements(messages.value).unwrap_or_default().into_iter().filter_map(|message| {
            let message = Object::parse_within(head.text, message).ok()?;
            let role = message.get("role").filter(|role| role.value == "\"developer\"")?;
            Some(Edit::replace(role.span.clone(), "\"system\""))
        });
        self.add("developer-role", roles.collect::<Vec<_>>());
    }

    /// The upstream knows the older name only; with both there, its own counts.
    fn max_completion_tokens(&mut self, head: &RequestHead<'_>) {
        let key = head.object.get("max_completion_tokens").map(|member| member.key_span.clone());
        if let Some(key) = key.filter(|_| head.object.get("max_tokens").is_none()) {
            self.add("max-completion-tokens", [Edit::replace(key, "\"max_tokens\"")]);
        }
    }

    /// Usage is needed whether or not the caller wants it; the relay keeps it from callers who do not.
    fn ask_usage(&mut self, head: &RequestHead<'_>) {
        const ASKED: &str = "{\"include_usage\":true}";
        const MEMBER: &str = "\"include_usage\":true";
        if !head.is_streaming || head.is_usage_asked() {
            return;
        }
        let edit = match (head.object.get("stream_options"), head.object.members().last()) {
            (Some(options), _) => match Object::parse_within(head.text, options.value) {
                Ok(inner) => match (inner.get("include_usage"), inner.members().last()) {
                    (Some(asked), _) => Edit::replace(asked.span.clone(), "true"),
                    (None, Some(last)) => Edit::insert(last.span.end, format!(",{MEMBER}")),
                    (None, None) => Edit::replace(options.span.clone(), ASKED),
                },
                Err(_no_object) => Edit::replace(options.span.clone(), ASKED),
            },
            (None, Some(last)) => Edit::insert(last.span.end, format!(",\"stream_options\":{ASKED}")),
            (None, None) => return,
        };
        self.add("ask-usage", [edit]);
    }

    /// The request goes without streaming; its answer is streamed again by the gateway.
    fn stream_off(&mut self, head: &RequestHead<'_>) {
        let Some(stream) = head.object.get("stream") else { return };
        self.add("restreamed-tools", [Edit::replace(stream.span.clone(), "false")]);
        let options = head.object.position("stream_options");
        self.edits.extend(head.object.removals(options.as_slice()).into_iter().map(Edit::cut));
    }

    /// A null or empty `encoding_format` is refused upstream (siliconflow-api.md, section 7).
    fn drop_blank_encoding(&mut self, head: &RequestHead<'_>) {
        let blank = head
            .object
            .position("encoding_format")
            .filter(|&index| matches!(head.object.members()[index].value, "null" | "\"\""));
        let cuts: Vec<_> = head.object.removals(blank.as_slice()).into_iter().map(Edit::cut).collect();
        self.add("encoding-format", cuts);
    }

    fn add(&mut self, name: &'static str, edits: impl IntoIterator<Item = Edit>) {
        let before = self.edits.len();
        self.edits.extend(edits);
        if self.edits.len() > before {
            self.names.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(route: Route, body: &str, model: Option<&str>) -> (String, Vec<&'static str>) {
        let bytes = Bytes::from(body.to_owned());
        let head = RequestHead::parse(&bytes).unwrap();
        let id = model.map_or(head.model.to_string(), str::to_owned);
        let model = ResolvedModel { id, is_renamed: model.is_some() };
        let mut rewrite = Rewrite::plan(route, &head, &model);
        let out = rewrite.apply(&bytes);
        (String::from_utf8(out.to_vec()).unwrap(), rewrite.names)
    }

    #[test]
    fn nothing_to_do_changes_nothing() {
        let body = r#"{ "model" : "m", "messages":[{"role":"user","content":"the \"developer\" role"}], "big":123456789012345678901234567890 }"#;
        assert_eq!(rewrite(Route::Chat, body, None), (body.to_owned(), vec![]));
    }

    #[test]
    fn each_edit_touches_its_own_member() {
        let (body, names) = rewrite(
            Route::Chat,
            r#"{"model":"gpt-4o","messages":[{"role":"developer","content":"x"},{"role" : "user","content":"y"}],"max_completion_tokens":5,"stream":true}"#,
            Some("Qwen/Qwen3-8B"),
        );
        assert_eq!(
            body,
            r#"{"model":"Qwen/Qwen3-8B","messages":[{"role":"system","content":"x"},{"role" : "user","content":"y"}],"max_tokens":5,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        assert_eq!(names, ["model", "developer-role", "max-completion-tokens", "ask-usage"]);
    }

    #[test]
    fn broken_streamed_tools_go_without_streaming() {
        let (body, names) = rewrite(
            Route::Chat,
            r#"{"stream":true,"stream_options":{},"model":"THUDM/GLM-4-9B-0414","tools":[{}]}"#,
            None,
        );
        assert_eq!(body, r#"{"stream":false,"model":"THUDM/GLM-4-9B-0414","tools":[{}]}"#);
        assert_eq!(names, ["restreamed-tools"]);
    }

    #[test]
    fn blank_encodings_are_left_out() {
        let (body, names) = rewrite(Route::Embeddings, r#"{"model":"m","encoding_format":null,"input":"x"}"#, None);
        assert_eq!((body.as_str(), names), (r#"{"model":"m","input":"x"}"#, vec!["encoding-format"]));
    }
}
