//! The edits that a JSON request needs before it goes upstream. Each has a name, and the caller is
//! told the names in `x-flowgate-edits`. Nothing else changes, to the byte.

use bytes::Bytes;

use super::head::RequestHead;
use super::route::Route;
use super::speech;
use crate::bridge::pictures::Drawing;
use crate::catalog::plan::Switch;
use crate::catalog::policy::ThinkingRule;
use crate::catalog::{ResolvedModel, quirks};
use crate::wire::json::{self, Object};
use crate::wire::splice::{self, Edit};

/// Edits collected for one request.
#[derive(Debug, Default)]
pub struct Rewrite {
    edits: Vec<Edit>,
    /// Members that are left out, by their indices in order: cut together, so that the commas fit.
    left_out: Vec<usize>,
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
            Route::Speech => rewrite.speech(head, model),
            _ => {}
        }
        rewrite
    }

    /// The body with the edits made; the same bytes when there are none.
    pub fn apply(&mut self, body: &Bytes) -> Bytes {
        splice::apply(body, &mut self.edits)
    }

    /// Leaves out what would switch the thinking of a model that has no such switch.
    ///
    /// # Errors
    /// The name of the first such member, where `rule` says that it is refused.
    pub fn thinking(&mut self, head: &RequestHead<'_>, switch: Switch, rule: ThinkingRule) -> Result<(), &'static str> {
        const FIELDS: [&str; 3] = ["enable_thinking", "thinking", "thinking_budget"];
        let fields = match switch {
            Switch::Takes => return Ok(()),
            // The budget is for every model that thinks (siliconflow-api.md, section 2).
            Switch::Always => &FIELDS[..2],
            Switch::Without => &FIELDS[..],
        };
        let mut found = fields.iter().filter(|field| head.object.get(field).is_some()).copied().peekable();
        match (rule, found.peek()) {
            (_, None) | (ThinkingRule::Pass, _) => Ok(()),
            (ThinkingRule::Refuse, Some(field)) => Err(*field),
            (ThinkingRule::Drop, Some(_)) => {
                self.leave_out("thinking", head, found);
                Ok(())
            }
        }
    }

    /// What a request for pictures becomes in SiliconFlow's words.
    pub fn pictures(&mut self, head: &RequestHead<'_>, drawing: &Drawing) {
        let end = head.object.members().last().map_or(0, |last| last.span.end);
        let put_in = drawing.put_in.iter().map(|(key, value)| Edit::insert(end, format!(",\"{key}\":{value}")));
        self.edits.extend(put_in);
        self.cut(head, drawing.left_out.iter().copied());
        self.names.extend_from_slice(&drawing.edits);
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
        if head.object.get("stream_options").is_some() {
            self.leave_out("restreamed-tools", head, ["stream_options"]);
        }
    }

    /// A null or empty `encoding_format` is refused upstream (siliconflow-api.md, section 7).
    fn drop_blank_encoding(&mut self, head: &RequestHead<'_>) {
        let is_blank = |value: &str| matches!(value, "null" | "\"\"");
        if head.object.get("encoding_format").is_some_and(|member| is_blank(member.value)) {
            self.leave_out("encoding-format", head, ["encoding_format"]);
        }
    }

    /// Cuts members out, all those of this request together: two cuts made apart could take the same comma.
    fn leave_out(&mut self, name: &'static str, head: &RequestHead<'_>, keys: impl IntoIterator<Item = &'static str>) {
        self.cut(head, keys);
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    fn cut(&mut self, head: &RequestHead<'_>, keys: impl IntoIterator<Item = &'static str>) {
        let earlier: Vec<_> = head.object.removals(&self.left_out);
        self.edits.retain(|edit| !(edit.with.is_empty() && earlier.contains(&edit.range)));
        self.left_out.extend(keys.into_iter().filter_map(|key| head.object.position(key)));
        self.left_out.sort_unstable();
        self.edits.extend(head.object.removals(&self.left_out).into_iter().map(Edit::cut));
    }

    /// A voice by OpenAI's name, or without its model, is refused upstream (siliconflow-api.md, section 10).
    fn speech(&mut self, head: &RequestHead<'_>, model: &ResolvedModel) {
        if let Some((name, edit)) = speech::voice(head, &model.id) {
            self.add(name, [edit]);
        }
        self.add("sample-rate", speech::pcm_rate(head));
        if head.object.has("instructions") {
            let style = speech::style(head, &model.id);
            let name = if style.is_some() { "instructions" } else { "without-instructions" };
            self.add(name, style);
            self.leave_out(name, head, ["instructions"]);
        }
        if head.object.has("stream_format") {
            self.leave_out("stream-format", head, ["stream_format"]);
        }
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

    /// In whatever order the members stand: what is left out and put in makes JSON.
    #[test]
    fn pictures_are_asked_for_in_siliconflows_words() {
        let members = [r#""size":"1024x1024""#, r#""n":6"#, r#""user":"u""#, r#""image_size":null"#, r#""prompt":"x""#];
        let draws = crate::catalog::pictures::of("Kwai-Kolors/Kolors");
        for first in 0..members.len() {
            let rotated: Vec<&str> = members.iter().cycle().skip(first).take(members.len()).copied().collect();
            for place in 0..=rotated.len() {
                let mut all = rotated.clone();
                all.insert(place, r#""model":"dall-e-3""#);
                let bytes = Bytes::from(format!("{{ {} }}", all.join(" , ")));
                let head = RequestHead::parse(&bytes).unwrap();
                let model = ResolvedModel { id: "Kwai-Kolors/Kolors".to_owned(), is_renamed: true };
                let mut rewrite = Rewrite::plan(Route::Images, &head, &model);
                let drawing =
                    Drawing::read(&head.object, &head.model, &crate::api::images::model(&model.id, &draws, 4));
                rewrite.pictures(&head, &drawing.unwrap());
                let out: serde_json::Value = serde_json::from_slice(&rewrite.apply(&bytes)).unwrap();
                let expected =
                    serde_json::json!({"model": "Kwai-Kolors/Kolors", "prompt": "x", "image_size": "1024x1024"});
                assert_eq!(out, expected, "{bytes:?}");
                assert_eq!(rewrite.names, ["model", "image-size", "batch-split", "without-user"]);
            }
        }
    }

    #[test]
    fn voices_get_the_model_that_speaks() {
        let spoken =
            |voice: &str| rewrite(Route::Speech, &format!(r#"{{"voice":{voice},"model":"tts-1"}}"#), Some("a/b"));
        assert_eq!(spoken("\"alloy\"").0, r#"{"voice":"a/b:alex","model":"a/b"}"#);
        assert_eq!(spoken("\"anna\"").1, ["model", "voice"]);
        for other in ["\"a/b:anna\"", "\"speech:mine:x:y\"", "7"] {
            assert_eq!(spoken(other).1, ["model"], "{other}");
        }
    }

    #[test]
    fn blank_encodings_are_left_out() {
        let (body, names) = rewrite(Route::Embeddings, r#"{"model":"m","encoding_format":null,"input":"x"}"#, None);
        assert_eq!((body.as_str(), names), (r#"{"model":"m","input":"x"}"#, vec!["encoding-format"]));
    }

    fn without_thinking(
        body: &str,
        switch: Switch,
        rule: ThinkingRule,
    ) -> Result<(String, Vec<&'static str>), &'static str> {
        let bytes = Bytes::from(body.to_owned());
        let head = RequestHead::parse(&bytes).unwrap();
        let model = ResolvedModel { id: head.model.to_string(), is_renamed: false };
        let mut rewrite = Rewrite::plan(Route::Chat, &head, &model);
        rewrite.thinking(&head, switch, rule)?;
        let out = rewrite.apply(&bytes);
        Ok((String::from_utf8(out.to_vec()).unwrap(), rewrite.names))
    }

    #[test]
    fn a_switch_that_the_model_does_not_have_is_left_out() {
        use Switch::{Always, Takes, Without};
        use ThinkingRule::{Drop, Pass, Refuse};
        let body = r#"{"enable_thinking":true, "model":"m" ,"thinking_budget":128,"thinking":{"type":"disabled"}}"#;
        let run = |switch, rule| without_thinking(body, switch, rule);
        assert_eq!(run(Without, Drop), Ok((r#"{"model":"m"}"#.to_owned(), vec!["thinking"])));
        assert_eq!(run(Always, Drop), Ok((r#"{"model":"m" ,"thinking_budget":128}"#.to_owned(), vec!["thinking"])));
        for (switch, rule) in [(Takes, Drop), (Takes, Refuse), (Without, Pass)] {
            assert_eq!(run(switch, rule), Ok((body.to_owned(), vec![])));
        }
        assert_eq!(run(Without, Refuse), Err("enable_thinking"));
        assert_eq!(without_thinking(r#"{"model":"m"}"#, Without, Refuse), Ok((r#"{"model":"m"}"#.to_owned(), vec![])));
    }

    /// In whatever order they stand beside what else is left out.
    #[test]
    fn what_is_left_out_takes_no_comma_too_many() {
        let members = [r#""stream":true"#, r#""stream_options":{}"#, r#""enable_thinking":false"#, r#""tools":[{}]"#];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 1, 3, 0], [1, 2, 0, 3], [1, 3, 2, 0]] {
            for place in 0..=4 {
                let mut all: Vec<&str> = order.iter().map(|index| members[*index]).collect();
                all.insert(place, r#""model":"THUDM/GLM-4-9B-0414""#);
                let body = format!("{{{}}}", all.join(","));
                let (out, _) = without_thinking(&body, Switch::Without, ThinkingRule::Drop).unwrap();
                let value: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{body} -> {out}"));
                let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
                assert_eq!(keys, ["model", "stream", "tools"], "{body} -> {out}");
            }
        }
    }
}
