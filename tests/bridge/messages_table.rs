//! The table of what becomes of a Messages request (docs/bridges.md): each row is tried.

use flowgate::bridge::messages::translate;
use serde_json::{Value, json};

use super::messages::context;

/// The cells of the rows of the table below `heading`.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bridges.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (_, section) = document.split_once("\n## Messages\n").unwrap();
    let (_, section) = section.split_once(heading).unwrap();
    let lines = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.skip(2).map(cells).collect()
}

fn user(content: Value) -> Value {
    json!({"role": "user", "content": content})
}

fn blocks(block: Value) -> Value {
    json!({"messages": [user(json!([{"type": "text", "text": "x"}, block]))]})
}

/// A conversation in which the assistant said `block`.
fn said(block: Value) -> Value {
    json!({"messages": [user(json!("a")), {"role": "assistant", "content": [block, {"type": "text", "text": "x"}]}, user(json!("b"))]})
}

/// A conversation in which a tool was called and answered with `result`.
fn called(result: Value) -> Value {
    let call = json!({"type": "tool_use", "id": "call_1", "name": "look", "input": {}});
    let mut answer = json!({"type": "tool_result", "tool_use_id": "call_1"});
    answer.as_object_mut().unwrap().extend(result.as_object().unwrap().clone());
    json!({"messages": [user(json!("a")), {"role": "assistant", "content": [call]}, user(json!([answer]))]})
}

fn tool(more: Value) -> Value {
    let mut tool = json!({"name": "look", "input_schema": {"type": "object"}});
    tool.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"tools": [tool]})
}

fn thinking(thinking: Value) -> Value {
    json!({"thinking": thinking})
}

fn document(source: Value) -> Value {
    blocks(json!({"type": "document", "title": "t", "context": "c", "source": source}))
}

/// Requests for a row, by the beginning of its first cell, and what must be known of the model.
fn samples(row: &str) -> (Vec<Value>, Value) {
    let plain = |samples: Vec<Value>| (samples, Value::Null);
    let one = |sample: Value| (vec![sample], Value::Null);
    let image = |source: Value| blocks(json!({"type": "image", "source": source}));
    let pdf = || {
        vec![
            document(json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="})),
            document(json!({"type": "url", "url": "https://example.org/a.pdf"})),
        ]
    };
    let begun = json!({"messages": [user(json!("a")), {"role": "assistant", "content": "{"}]});
    let picture = json!({"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}});
    let server_tool = json!({"type": "web_search_20250305", "name": "web_search"});
    let own_tool = json!({"name": "look", "input_schema": {"type": "object"}});
    match row {
        "any" => one(json!({})),
        "`model`, an alias too" => one(json!({"model": "claude-sonnet-4-5"})),
        "`stream`" => one(json!({"stream": true})),
        "`max_tokens`" => (vec![json!({"max_tokens": 5})], json!({"most_output": 5})),
        "`max_tokens` beyond what the model is known to say" => {
            (vec![json!({"max_tokens": 6})], json!({"most_output": 5}))
        }
        "`temperature`, `top_p`, `top_k`" => one(json!({"temperature": 0.5, "top_p": 0.5, "top_k": 5})),
        "`stop_sequences`, up to 4" => {
            plain(vec![json!({"stop_sequences": ["a"]}), json!({"stop_sequences": ["a", "b", "c", "d"]})])
        }
        "`stop_sequences`, more than 4" => one(json!({"stop_sequences": ["a", "b", "c", "d", "e"]})),
        "`system`: a text, or blocks of text" => {
            plain(vec![json!({"system": "s"}), json!({"system": [{"type": "text", "text": "s"}]})])
        }
        "`system` with Claude Code's line about itself (`x-anthropic-billing-header`)" => {
            one(json!({"system": [{"type": "text", "text": "x-anthropic-billing-header: cch=1"}]}))
        }
        "a `system` message in front" => {
            one(json!({"messages": [{"role": "system", "content": "s"}, user(json!("x"))]}))
        }
        "a `system` message later" => one(json!({"messages": [user(json!("x")), {"role": "system", "content": "s"}]})),
        "several messages of one role in a row" => one(json!({"messages": [user(json!("x")), user(json!("y"))]})),
        "a message without content" => {
            one(json!({"messages": [user(json!("x")), {"role": "assistant", "content": ""}, user(json!("y"))]}))
        }
        "an assistant's message at the end, where the model is known to go on with it (`prefix`) and does not think" => {
            (vec![begun], json!({"continues": true}))
        }
        "an assistant's message at the end otherwise" => one(begun),
        "a `tool_use` at the end, without its result" => {
            let mut conversation = called(json!({}));
            conversation["messages"].as_array_mut().unwrap().pop();
            one(conversation)
        }
        "`text`" => one(blocks(json!({"type": "text", "text": "y"}))),
        "`image` as `base64` or `url`" => plain(vec![
            image(json!({"type": "base64", "media_type": "image/png", "data": "iVBO"})),
            image(json!({"type": "url", "url": "https://example.org/a.png"})),
        ]),
        "`image` as `file`" => one(image(json!({"type": "file", "file_id": "f"}))),
        "`document` as text or content, with title and context" => {
            one(document(json!({"type": "content", "content": [{"type": "text", "text": "y"}, picture]})))
        }
        "`document` as PDF, where the model is known to read it" => (pdf(), json!({"reads_pdf": true})),
        "`document` as PDF otherwise" => plain(pdf()),
        "`document` as `file`" => one(document(json!({"type": "file", "file_id": "f"}))),
        "`search_result`" => one(blocks(
            json!({"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "y"}]}),
        )),
        "another block of the user's" => one(blocks(json!({"type": "container_upload", "file_id": "f"}))),
        "`citations`" => one(blocks(
            json!({"type": "document", "source": {"type": "text", "data": "y"}, "citations": {"enabled": true}}),
        )),
        "`cache_control`, anywhere" => {
            let mark = json!({"type": "ephemeral"});
            plain(vec![
                json!({"cache_control": mark}),
                json!({"system": [{"type": "text", "text": "s", "cache_control": mark}]}),
                blocks(json!({"type": "text", "text": "y", "cache_control": mark})),
                tool(json!({"cache_control": mark})),
                called(json!({"cache_control": mark})),
                called(json!({"content": [{"type": "text", "text": "y", "cache_control": mark}]})),
            ])
        }
        "`tool_use`" => one(called(json!({}))),
        "`tool_result`: a text, or blocks of text" => {
            plain(vec![called(json!({"content": "y"})), called(json!({"content": [{"type": "text", "text": "y"}]}))])
        }
        "`tool_result` with `is_error`" => one(called(json!({"content": "y", "is_error": true}))),
        "`tool_result` with pictures" => one(called(json!({"content": [picture]}))),
        "`thinking`, with its text in the block or in a signature of ours, where there are tools" => {
            let with_tools = |thought: Value| {
                let mut sample = said(thought);
                sample["tools"] = json!([own_tool]);
                sample
            };
            plain(vec![
                with_tools(json!({"type": "thinking", "thinking": "t", "signature": "EqQB"})),
                with_tools(json!({"type": "thinking", "thinking": "", "signature": "flowgate.1.dA"})),
            ])
        }
        "`thinking` where there are no tools" => {
            one(said(json!({"type": "thinking", "thinking": "t", "signature": "flowgate.1."})))
        }
        "`thinking` without a text, signed by others" => {
            one(said(json!({"type": "thinking", "thinking": "", "signature": "EqQB"})))
        }
        "`redacted_thinking`" => one(said(json!({"type": "redacted_thinking", "data": "EqQB"}))),
        "what Anthropic's servers did (`server_tool_use` and others)" => {
            one(said(json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})))
        }
        "`tools` with an `input_schema`" => one(tool(json!({"type": "custom", "description": "d", "strict": true}))),
        "`tools` with a name of more than 64 letters" => one(tool(json!({"name": "n".repeat(65)}))),
        "`defer_loading`, `allowed_callers`, `input_examples`, `eager_input_streaming` of a tool" => plain(vec![
            tool(json!({"defer_loading": true})),
            tool(json!({"allowed_callers": ["direct"]})),
            tool(json!({"input_examples": [{}]})),
            tool(json!({"eager_input_streaming": true})),
        ]),
        "tools that run on Anthropic's servers (`web_search_…`, `web_fetch_…`, `code_execution_…` and others), beside others" => {
            one(json!({"tools": [server_tool, own_tool]}))
        }
        "tools that run on Anthropic's servers, alone or asked for by name" => plain(vec![
            json!({"tools": [server_tool]}),
            json!({"tools": [server_tool, own_tool], "tool_choice": {"type": "tool", "name": "web_search"}}),
        ]),
        "tools whose form only Anthropic's models know (`bash_…`, `text_editor_…`, `computer_…`, `browser_…`, `memory_…`)" => {
            plain(
                [
                    "bash_20250124",
                    "text_editor_20250728",
                    "computer_20250124",
                    "browser_toolset_20260801",
                    "memory_20250818",
                ]
                .into_iter()
                .map(|kind| json!({"tools": [{"type": kind, "name": "x"}, own_tool]}))
                .collect(),
            )
        }
        "`tool_choice`" => plain(
            [
                json!({"type": "auto"}),
                json!({"type": "any"}),
                json!({"type": "none"}),
                json!({"type": "tool", "name": "look"}),
            ]
            .into_iter()
            .map(|choice| json!({"tools": [own_tool], "tool_choice": choice}))
            .collect(),
        ),
        "`tool_choice` with `disable_parallel_tool_use`" => {
            one(json!({"tools": [own_tool], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}))
        }
        "`mcp_servers`" => one(json!({"mcp_servers": [{"type": "url", "url": "https://example.org", "name": "m"}]})),
        "`thinking` of the type `enabled`" => one(thinking(json!({"type": "enabled", "budget_tokens": 2048}))),
        "`thinking` with `budget_tokens` below 128 or above 32,768" => plain(vec![
            thinking(json!({"type": "enabled", "budget_tokens": 127})),
            thinking(json!({"type": "enabled", "budget_tokens": 32_769})),
        ]),
        "`thinking` of the type `disabled`" => one(json!({"thinking": {"type": "disabled"}, "tools": [own_tool]})),
        "`thinking` of the type `adaptive`, `between_tools`" => {
            plain(vec![thinking(json!({"type": "adaptive"})), thinking(json!({"type": "between_tools"}))])
        }
        "no `thinking`, where the model is known to have a switch" => {
            (vec![json!({"thinking": null, "tools": [own_tool]})], json!({"switches_thinking": true}))
        }
        "no `thinking`, or `disabled`, and no tools" => {
            plain(vec![thinking(Value::Null), thinking(json!({"type": "disabled"}))])
        }
        "`thinking.display` `omitted`" => one(thinking(json!({"type": "adaptive", "display": "omitted"}))),
        "`output_config.effort`" => one(json!({"output_config": {"effort": "high"}})),
        "`output_config.effort` without thinking" => {
            one(json!({"output_config": {"effort": "high"}, "thinking": null, "tools": [own_tool]}))
        }
        "`output_config.format`, `output_format`" => {
            let format = json!({"type": "json_schema", "schema": {"type": "object"}});
            plain(vec![json!({"output_config": {"format": format}}), json!({"output_format": format})])
        }
        "the rest of `output_config`" => one(json!({"output_config": {"task_budget": {"total": 5}}})),
        "`metadata`" => one(json!({"metadata": {"user_id": "u"}})),
        "`service_tier`" => one(json!({"service_tier": "auto"})),
        "`container`" => one(json!({"container": "c"})),
        "`context_management`" => one(json!({"context_management": {"edits": []}})),
        "`inference_geo`" => one(json!({"inference_geo": "us"})),
        "`speed`" => one(json!({"speed": "fast"})),
        "`betas`" => one(json!({"betas": ["b"]})),
        "any other member" => one(json!({"something_new": 1})),
        own if own.starts_with("`enable_thinking`, ") => one(json!({"enable_thinking": true, "thinking_budget": 128,
            "reasoning_effort": "high", "min_p": 0.1, "frequency_penalty": 0.1, "presence_penalty": 0.1,
            "repetition_penalty": 1.0, "seed": 1, "response_format": {"type": "json_object"}})),
        other => panic!("no sample for the row {other}"),
    }
}

/// A request that carries nothing but `sample`, and thinks, so that nothing else is noted.
fn request(sample: &Value) -> String {
    let mut request = json!({"model": "m", "messages": [user(json!("x"))], "thinking": {"type": "adaptive"}});
    let needs_no_thinking = sample["messages"].as_array().is_some_and(|all| all.last().unwrap()["role"] == "assistant");
    if needs_no_thinking {
        request["thinking"] = json!({"type": "disabled"});
    }
    request.as_object_mut().unwrap().extend(sample.as_object().unwrap().clone());
    request.to_string()
}

/// The words in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_table_is_true() {
    let rows = rows("### Requests");
    assert!(rows.len() > 50, "{}", rows.len());
    for row in rows {
        let (first, becomes, edit) = (&row[0], &row[1], quoted(&row[2]));
        let (samples, known) = samples(first);
        for sample in samples {
            let translated = translate(request(&sample).as_bytes(), &context(&known));
            if becomes.starts_with("refused") {
                let error = translated.err().unwrap_or_else(|| panic!("{first} is carried: {sample}"));
                assert!(error.param.is_some() && error.message.ends_with('.'), "{first}: {error:?}");
                continue;
            }
            let translated = translated.unwrap_or_else(|error| panic!("{first} is refused: {error:?}"));
            let names = translated.edits.iter().copied().filter(|name| *name != "messages-as-chat");
            // Without thinking and tools its answer has none, which is a row of its own.
            let names: Vec<&str> =
                names.filter(|name| *name != "without-thinking" || edit == ["without-thinking"]).collect();
            let expected: Vec<&str> = edit.iter().copied().filter(|name| *name != "messages-as-chat").collect();
            assert_eq!(names, expected, "{first}: {sample}");
            let chat = String::from_utf8(translated.body.to_vec()).unwrap();
            let is_same = becomes.starts_with("the same");
            for word in if is_same { quoted(first) } else { quoted(becomes) } {
                if word == "usage" || word.contains(' ') || word.contains('<') || word.contains(':') {
                    continue;
                }
                assert!(chat.contains(word), "{first}: no {word} in {chat}");
            }
        }
    }
}
