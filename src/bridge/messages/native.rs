//! A Messages request for the upstream's own `/messages`: what that is not known to take is cut out by name, and nothing else
//! changes (siliconflow-api.md, section 4).

use bytes::Bytes;

use super::names::Names;
use super::request::{WITHOUT, refuse_servers};
use super::{BridgeError, Edits, tools};
use crate::wire::json::{self, Object};
use crate::wire::splice::{self, Edit};

/// Members besides [`WITHOUT`] that only a translation knows how to carry.
const BEYOND: [(&str, &str); 3] = [
    ("output_config", "without-output-config"),
    ("output_format", "without-output-config"),
    ("mcp_servers", "without-mcp-servers"),
];

/// `body` as the upstream's own endpoint takes it, and the names of what was changed. A body that is no JSON object comes
/// back as it was: who reads its head says what is wrong with it.
///
/// # Errors
/// [`BridgeError`] for tools and servers that would have to run elsewhere.
pub fn prune(body: &Bytes) -> Result<(Bytes, Vec<&'static str>), BridgeError> {
    let Some((text, request)) = std::str::from_utf8(body).ok().and_then(|text| Some((text, Object::parse(text).ok()?)))
    else {
        return Ok((body.clone(), Vec::new()));
    };
    let mut pruning = Pruning { text, splices: Vec::new(), edits: Edits::default() };
    pruning.top(&request)?;
    pruning.thinking(&request);
    for key in ["system", "messages"] {
        request.get(key).into_iter().for_each(|member| pruning.cache_control(member.value));
    }
    request
        .get("tools")
        .map_or(Ok(()), |tools| pruning.tools(tools.value, request.get("tool_choice").map(|choice| choice.value)))?;
    Ok((splice::apply(body, &mut pruning.splices), pruning.edits.0))
}

struct Pruning<'a> {
    text: &'a str,
    splices: Vec<Edit>,
    edits: Edits,
}

impl<'a> Pruning<'a> {
    fn top(&mut self, request: &Object<'a>) -> Result<(), BridgeError> {
        let mut doomed = Vec::new();
        for (index, member) in request.members().iter().enumerate() {
            refuse_servers(member)?;
            let found = WITHOUT.iter().chain(&BEYOND).find(|(key, _)| *key == member.key);
            let Some((_, name)) = found else { continue };
            doomed.push(index);
            self.edits.note(name);
        }
        self.splices.extend(request.removals(&doomed).into_iter().map(Edit::cut));
        Ok(())
    }

    /// The upstream knows `enabled` and `disabled` only.
    fn thinking(&mut self, request: &Object<'a>) {
        let Some(member) = request.get("thinking") else { return };
        let is_adaptive =
            Object::parse(member.value).is_ok_and(|thinking| thinking.string("type").as_deref() == Some("adaptive"));
        if is_adaptive {
            self.edits.note("thinking-enabled");
            self.splices.push(Edit::replace(member.span.clone(), r#"{"type":"enabled"}"#));
        }
    }

    /// Marks for a cache that works by itself here, wherever they stand.
    fn cache_control(&mut self, value: &'a str) {
        if memchr::memmem::find(value.as_bytes(), b"\"cache_control\"").is_none() {
            return;
        }
        for element in json::elements(value).unwrap_or_default() {
            let Ok(object) = Object::parse_within(self.text, element) else { continue };
            self.cut_mark(&object);
            object.get("content").into_iter().for_each(|content| self.cache_control(content.value));
        }
    }

    fn cut_mark(&mut self, object: &Object<'a>) {
        let Some(mark) = object.position("cache_control") else { return };
        self.edits.note("without-cache-control");
        self.splices.extend(object.removals(&[mark]).into_iter().map(Edit::cut));
    }

    /// Tools without those that run on Anthropic's servers; refused where the request lives by them.
    fn tools(&mut self, value: &'a str, choice: Option<&str>) -> Result<(), BridgeError> {
        let mut edits = Edits::default();
        tools::write(Some(value), choice, &mut Names::default(), &mut edits, &mut String::new())?;
        if !edits.0.contains(&"without-server-tools") {
            self.cache_control(value);
            return Ok(());
        }
        self.edits.note("without-server-tools");
        let is_own = |tool: &&str| Object::parse(tool).is_ok_and(|tool| tools::is_function(&tool));
        let kept: Vec<&str> = json::elements(value).unwrap_or_default().into_iter().filter(is_own).collect();
        let span = json::span(self.text, value);
        self.splices.push(Edit::replace(span, format!("[{}]", kept.join(","))));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pruned(body: &str) -> (String, Vec<&'static str>) {
        let (bytes, edits) = prune(&Bytes::copy_from_slice(body.as_bytes())).unwrap();
        (String::from_utf8(bytes.to_vec()).unwrap(), edits)
    }

    #[test]
    fn a_plain_request_stays_as_it_is() {
        let body = r#"{ "model":"m", "max_tokens": 5, "thinking":{"type":"enabled","budget_tokens":1024}, "messages":[{"role":"user","content":"\"cache_control\""}] }"#;
        assert_eq!(pruned(body), (body.to_owned(), vec![]));
        for odd in ["[]", "not json"] {
            assert_eq!(pruned(odd), (odd.to_owned(), vec![]));
        }
    }

    #[test]
    fn what_claude_code_adds_is_cut() {
        let (body, edits) = pruned(
            r#"{"metadata":{"user_id":"u"},"model":"m","thinking":{"type":"adaptive"},"context_management":{"edits":[]},"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"cache_control":{"type":"ephemeral"},"type":"text","text":"t"}],"tool_use_id":"1"}]}],"tools":[{"name":"a","input_schema":{},"cache_control":{"type":"ephemeral"}}],"output_config":{"effort":"high"}}"#,
        );
        assert_eq!(
            body,
            r#"{"model":"m","thinking":{"type":"enabled"},"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"t"}],"tool_use_id":"1"}]}],"tools":[{"name":"a","input_schema":{}}]}"#
        );
        let expected = [
            "without-metadata",
            "without-context-management",
            "without-output-config",
            "thinking-enabled",
            "without-cache-control",
        ];
        assert_eq!(edits, expected);
    }

    #[test]
    fn tools_of_anthropics_servers_are_cut() {
        let (body, edits) = pruned(
            r#"{"tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"a","input_schema":{}}],"messages":[]}"#,
        );
        assert_eq!(body, r#"{"tools":[{"name":"a","input_schema":{}}],"messages":[]}"#);
        assert_eq!(edits, ["without-server-tools"]);
        let alone = Bytes::from_static(br#"{"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#);
        assert_eq!(prune(&alone).unwrap_err().param.as_deref(), Some("tools.0"));
    }
}
