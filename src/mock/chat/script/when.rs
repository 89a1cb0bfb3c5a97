//! Which requests a turn answers: by what stands in their last messages, in OpenAI's shape and in Anthropic's.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a request must have, all of it; nothing asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The last thing a user said has this text in it.
    #[serde(default)]
    pub user: Option<String>,
    /// It ends with results of tools, one of which has this text in it.
    #[serde(default)]
    pub tool: Option<String>,
    /// It is for this model.
    #[serde(default)]
    pub model: Option<String>,
    /// It offers a tool of this name.
    #[serde(default)]
    pub offers: Option<String>,
}

impl When {
    pub(super) fn fits(&self, request: &Value) -> bool {
        let holds = |wanted: &Option<String>, is_so: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(is_so);
        holds(&self.model, &|model| request["model"] == model)
            && holds(&self.offers, &|name| offers(request, name))
            && holds(&self.user, &|text| said_by_user(request).contains(text))
            && holds(&self.tool, &|text| results(request).iter().any(|result| result.contains(text)))
    }
}

fn offers(request: &Value, name: &str) -> bool {
    let tools = request["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    tools.iter().any(|tool| tool["function"]["name"] == name || tool["name"] == name)
}

fn messages(request: &Value) -> &[Value] {
    request["messages"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The text of the last message in which a user says something, or the prompt of a legacy completion.
fn said_by_user(request: &Value) -> String {
    if let Some(prompt) = request["prompt"].as_str() {
        return prompt.to_owned();
    }
    let by_user = messages(request).iter().rev().filter(|message| message["role"] == "user");
    by_user.map(|message| text(&message["content"])).find(|said| !said.is_empty()).unwrap_or_default()
}

/// The results of tools at the end, in either shape.
fn results(request: &Value) -> Vec<String> {
    let is_result = |block: &&Value| block["type"] == "tool_result";
    let mut found = Vec::new();
    for message in messages(request).iter().rev() {
        let blocks = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        if message["role"] == "tool" {
            found.push(text(&message["content"]));
        } else if blocks.iter().any(|block| is_result(&block)) {
            found.extend(blocks.iter().filter(is_result).map(|block| text(&block["content"])));
        } else {
            break;
        }
    }
    found
}

/// A string, or the text parts of a list; results of tools are not what a user says.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fits(when: Value, request: &Value) -> bool {
        serde_json::from_value::<When>(when).unwrap().fits(request)
    }

    #[test]
    fn both_shapes_are_read() {
        let tools = json!([{"type": "function", "function": {"name": "read"}}, {"name": "Edit"}]);
        let openai = json!({"model": "m", "tools": tools, "messages": [
            {"role": "user", "content": "make it blue"}, {"role": "assistant", "content": "red"},
            {"role": "tool", "content": "colour = red"}, {"role": "tool", "content": [{"type": "text", "text": "two"}]}]});
        let anthropic = json!({"model": "m", "tools": tools, "messages": [
            {"role": "user", "content": [{"type": "text", "text": "make it blue"}]}, {"role": "assistant", "content": "red"},
            {"role": "user", "content": [{"type": "tool_result", "content": "colour = red"},
                {"type": "tool_result", "content": [{"type": "text", "text": "two"}]}]}]});
        for request in [&openai, &anthropic] {
            for when in
                [json!({}), json!({"user": "blue"}), json!({"tool": "= red"}), json!({"tool": "two", "model": "m"})]
            {
                assert!(fits(when.clone(), request), "{when} {request}");
            }
            for when in [json!({"user": "red"}), json!({"tool": "blue"}), json!({"tool": "two", "model": "n"})] {
                assert!(!fits(when.clone(), request), "{when} {request}");
            }
            assert!(fits(json!({"offers": "read"}), request) && fits(json!({"offers": "Edit"}), request));
            assert!(!fits(json!({"offers": "Re"}), request));
        }
        let asked = json!({"messages": [{"role": "tool", "content": "old"}, {"role": "user", "content": "new"}]});
        assert!(!fits(json!({"tool": "old"}), &asked) && fits(json!({"user": "new"}), &asked));
        assert!(fits(json!({"user": "once"}), &json!({"prompt": "once upon"})));
    }
}
