//! Chat completions in one piece.

use super::{Bench, CHAT, GLM, PLAIN, THINKER, ask, ask_with};
use serde_json::json;

#[tokio::test]
async fn an_answer_has_the_documented_shape() {
    let bench = Bench::new().await;
    let answer = bench.good(CHAT, ask(PLAIN, "Why is the sky blue?")).await;
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], PLAIN);
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("Why is the sky blue?"));
    let usage = &answer["usage"];
    let sum = usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], sum);
    assert_eq!(usage["prompt_cache_miss_tokens"], usage["prompt_tokens"]);
}

#[tokio::test]
async fn the_same_question_gets_the_same_answer_from_another_emulator() {
    let (one, other) = (Bench::new().await, Bench::new().await);
    let content = |answer: serde_json::Value| answer["choices"][0]["message"]["content"].clone();
    let first = content(one.good(CHAT, ask(PLAIN, "Tell me")).await);
    assert_eq!(first, content(other.good(CHAT, ask(PLAIN, "Tell me")).await));
}

#[tokio::test]
async fn max_tokens_cuts_and_says_length() {
    let bench = Bench::new().await;
    let answer = bench.good(CHAT, ask_with(PLAIN, "[[tokens=50]]", json!({"max_tokens": 7}))).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 7);
}

#[tokio::test]
async fn stop_sequences_cut_and_are_not_returned() {
    let bench = Bench::new().await;
    let answer = bench.good(CHAT, ask_with(PLAIN, "[[say=one two three]]", json!({"stop": [" two"]}))).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "one");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn n_choices_are_counted_together() {
    let bench = Bench::new().await;
    let answer = bench.good(CHAT, ask_with(PLAIN, "[[tokens=10]]", json!({"n": 3}))).await;
    assert_eq!(answer["choices"].as_array().unwrap().len(), 3);
    assert_eq!(answer["choices"][2]["index"], 2);
    assert_eq!(answer["usage"]["completion_tokens"], 30);
}

#[tokio::test]
async fn qwen35_thinks_unless_told_not_to() {
    let bench = Bench::new().await;
    let answer = bench.good(CHAT, ask(THINKER, "[[think=9]]")).await;
    assert!(answer["choices"][0]["message"]["reasoning_content"].is_string());
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 9);
    let answer = bench.good(CHAT, ask_with(THINKER, "hi", json!({"enable_thinking": false}))).await;
    assert!(answer["choices"][0]["message"]["reasoning_content"].is_null());
}

#[tokio::test]
async fn qwen35_reasoning_can_eat_all_of_max_tokens() {
    let bench = Bench::new().await;
    let answer = bench.good(CHAT, ask_with(THINKER, "[[think=80]]", json!({"max_tokens": 40}))).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 40);
}

#[tokio::test]
async fn enable_thinking_is_ignored_by_some_models_and_switches_others() {
    let bench = Bench::new().await;
    let thought = |answer: serde_json::Value| answer["choices"][0]["message"]["reasoning_content"].is_string();
    let wish = || json!({"enable_thinking": true});
    assert!(!thought(bench.good(CHAT, ask_with(GLM, "hi", wish())).await));
    assert!(!thought(bench.good(CHAT, ask(PLAIN, "hi")).await));
    assert!(thought(bench.good(CHAT, ask_with(PLAIN, "hi", wish())).await));
}

#[tokio::test]
async fn some_models_end_with_eos() {
    let bench = Bench::new().await;
    let answer = bench.good(CHAT, ask("THUDM/GLM-Z1-9B-0414", "hi")).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "eos");
}

#[tokio::test]
async fn older_models_have_no_cache_fields_and_others_hit_on_the_second_time() {
    let bench = Bench::new().await;
    let long = "word ".repeat(200);
    let answer = bench.good(CHAT, ask(GLM, &long)).await;
    assert!(answer["usage"]["prompt_cache_hit_tokens"].is_null());
    bench.good(CHAT, ask(PLAIN, &long)).await;
    let answer = bench.good(CHAT, ask(PLAIN, &long)).await;
    assert_eq!(answer["usage"]["prompt_cache_hit_tokens"], 192);
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 192);
}

#[tokio::test]
async fn unknown_fields_and_nulls_are_ignored() {
    let bench = Bench::new().await;
    let more = json!({"made_up": 1, "stop": null, "tools": null, "temperature": null, "max_tokens": null, "n": null,
        "response_format": null, "stream_options": {"include_usage": true}});
    bench.good(CHAT, ask_with(PLAIN, "hi", more)).await;
}

#[tokio::test]
async fn json_schema_answers_fit_the_schema() {
    let bench = Bench::new().await;
    let schema = json!({
        "type": "object",
        "$defs": {"colour": {"enum": ["red", "blue"]}},
        "properties": {
            "name": {"type": "string", "maxLength": 5},
            "age": {"type": "integer", "minimum": 18},
            "colour": {"$ref": "#/$defs/colour"},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        },
        "required": ["name", "age", "colour", "maybe", "tags"],
    });
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": schema}}});
    let answer = bench.good(CHAT, ask_with(PLAIN, "Somebody", format)).await;
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(value["name"], "Someb");
    assert_eq!(value["age"], 18);
    assert_eq!(value["colour"], "red");
    assert_eq!(value["maybe"], true);
    assert_eq!(value["tags"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_schema_that_contains_itself_comes_to_an_end() {
    let bench = Bench::new().await;
    let schema =
        json!({"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "required": ["left"]});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}});
    bench.good(CHAT, ask_with(PLAIN, "tree", format)).await;
}

#[tokio::test]
async fn json_object_answers_are_json() {
    let bench = Bench::new().await;
    let format = json!({"response_format": {"type": "json_object"}});
    let answer = bench.good(CHAT, ask_with(PLAIN, "give me JSON", format)).await;
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(text).unwrap().is_object());
}

#[tokio::test]
async fn vision_models_take_pictures() {
    let bench = Bench::new().await;
    let parts = json!([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]);
    let body = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": parts}]});
    bench.good(CHAT, body("Qwen/Qwen3-VL-8B-Instruct")).await;
    let (status, answer) = bench.post(CHAT, body(PLAIN)).await;
    assert_eq!((status, &answer["code"]), (400, &json!(20015)));
}

#[tokio::test]
async fn chinese_is_answered_in_chinese_at_one_token_a_character() {
    let bench = Bench::new().await;
    let answer = bench.good(CHAT, ask(PLAIN, "天空为什么是蓝色的")).await;
    assert_eq!(answer["usage"]["prompt_tokens"], 9 + 4);
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().starts_with("您说的是"));
}

#[tokio::test]
async fn legacy_completions_fill_the_middle() {
    let bench = Bench::new().await;
    let body = json!({"model": "deepseek-ai/DeepSeek-V3", "prompt": "def add(a, b):", "suffix": "print(add(1, 2))"});
    let answer = bench.good("/completions", body).await;
    assert_eq!(answer["object"], "text_completion");
    assert!(answer["choices"][0]["text"].as_str().unwrap().contains("def add(a, b):"));
    let body = json!({"model": PLAIN, "prompt": "[[tokens=5]]"});
    let events = bench.stream("/completions", body).await;
    assert_eq!(events.len(), 6);
    assert_eq!(events[5]["usage"]["completion_tokens"], 5);
}

#[tokio::test]
async fn a_trace_id_is_echoed_and_errors_have_none() {
    let bench = Bench::new().await;
    let request = bench.request(reqwest::Method::POST, CHAT).header("x-trace-id", "mine-7");
    let response = request.json(&ask(PLAIN, "hi")).send().await.unwrap();
    assert_eq!(response.headers()["x-siliconcloud-trace-id"], "mine-7");
    let response = bench.send(CHAT, ask("no/such", "hi")).await;
    assert!(response.headers().get("x-siliconcloud-trace-id").is_none());
}
