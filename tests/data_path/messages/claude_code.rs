//! A request of the size and shape that Claude Code 2.1 sends (clients.md, finding 7): about 49 KB, twelve tools, instructions in
//! blocks, marks for a cache, adaptive thinking.

use serde_json::{Value, json};

use super::{post, received};
use crate::data_path::support::{Got, MODEL, Rig, Streamed};

const TOOLS: [(&str, &[&str]); 12] = [
    ("Agent", &["description", "prompt", "subagent_type"]),
    ("Bash", &["command", "description", "timeout", "run_in_background"]),
    ("Glob", &["pattern", "path"]),
    ("Grep", &["pattern", "path", "glob", "output_mode", "-A", "-B", "-n"]),
    ("Read", &["file_path", "offset", "limit"]),
    ("Edit", &["file_path", "old_string", "new_string", "replace_all"]),
    ("Write", &["file_path", "content"]),
    ("NotebookEdit", &["notebook_path", "new_source", "cell_id"]),
    ("WebFetch", &["url", "prompt"]),
    ("TodoWrite", &["todos"]),
    ("TaskStop", &["task_id"]),
    ("mcp__documentation_of_the_whole_organisation__search_by_meaning_and_date", &["query", "since"]),
];

/// Text of so many bytes.
fn prose(bytes: usize) -> String {
    const SENTENCE: &str =
        "Read the file before you change it, say \"why\" in plain words, and leave what you do not own as it is.\n";
    SENTENCE.repeat(bytes.div_ceil(SENTENCE.len()))
}

fn tool(name: &str, fields: &[&str]) -> Value {
    let of = |field: &&str| ((*field).to_owned(), json!({"type": "string", "description": prose(120)}));
    let properties: serde_json::Map<String, Value> = fields.iter().map(of).collect();
    json!({"name": name, "description": prose(2000), "input_schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties,
        "required": [fields[0]], "additionalProperties": false}})
}

/// The request, in the middle of a conversation with a tool.
fn request() -> Value {
    let mark = json!({"type": "ephemeral"});
    let tools: Vec<Value> = TOOLS.iter().map(|(name, fields)| tool(name, fields)).collect();
    json!({
        "model": "claude-opus-4-5", "max_tokens": 32_000, "stream": true,
        "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": "{\"device_id\":\"d\",\"session_id\":\"s\"}"},
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli; cch=00000;"},
            {"type": "text", "text": "You are an agent.", "cache_control": mark},
            {"type": "text", "text": prose(14_000), "cache_control": mark},
        ],
        "tools": tools,
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": format!("<system-reminder>\n{}</system-reminder>", prose(1500))},
                {"type": "text", "text": "What does main.rs do?"},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "I read it.", "signature": "flowgate.1."},
                {"type": "tool_use", "id": "call_1", "name": "Read", "input": {"file_path": "/src/main.rs"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "1\tfn main() {}", "cache_control": mark},
            ]},
        ],
    })
}

#[tokio::test]
async fn what_claude_code_sends_is_answered() {
    let rig = Rig::mocked("[models.alias]\n\"claude-*\" = \"Qwen/Qwen3-8B\"\n").await;
    let body = request();
    let size = body.to_string().len();
    assert!((45_000..55_000).contains(&size), "{size}");
    let got = Streamed::of(post(&rig, &body)).await;
    assert!(got.status == 200 && got.is_clean && got.text.ends_with("{\"type\":\"message_stop\"}\n\n"), "{}", got.text);
    let edits = got.headers["x-flowgate-edits"].to_str().unwrap();
    for edit in [
        "model",
        "messages-as-chat",
        "without-billing-header",
        "without-cache-control",
        "without-context-management",
        "without-metadata",
        "tool-names",
    ] {
        assert!(edits.split(", ").any(|known| known == edit), "{edit} is not in {edits}");
    }
    let chat = received(&rig);
    let text = chat.to_string();
    for gone in ["billing-header", "cache_control", "context_management", "metadata", "ephemeral"] {
        assert!(!text.contains(gone), "{gone}");
    }
    assert_eq!((&chat["model"], &chat["reasoning_effort"]), (&json!(MODEL), &json!("high")));
    assert_eq!(chat["tools"].as_array().unwrap().len(), 12);
    let names = chat["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].as_str().unwrap());
    assert!(names.into_iter().all(|name| name.len() <= 64));
    let roles: Vec<&str> =
        chat["messages"].as_array().unwrap().iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool"]);
    assert_eq!(chat["messages"][2]["reasoning_content"], "I read it.");
}

/// Between its requests it counts.
#[tokio::test]
async fn what_claude_code_sends_is_counted() {
    let rig = Rig::mocked("").await;
    let mut body = request();
    body["model"] = json!(MODEL);
    let got = Got::of(rig.post("/v1/messages/count_tokens", body.to_string())).await;
    let count = got.json()["input_tokens"].as_u64().unwrap();
    assert!((6_000..20_000).contains(&count), "{count}");
}
