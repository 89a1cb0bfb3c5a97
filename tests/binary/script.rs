//! `flowgate mock --script`: answers from a file.

use serde_json::{Value, json};

use super::gateway::{PLAIN, client};
use super::program::{Home, Program, flowgate, run};

#[tokio::test]
async fn a_script_is_read_from_a_file() {
    let home = Home::new();
    home.write("turns.json", r#"[{"content": "from the file"}]"#);
    let mut mock = Program::start(flowgate(&home, &["mock", "--listen", "127.0.0.1:0", "--script", "turns.json"]));
    let line = mock.line_with("emulator at").await;
    let base = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let body = json!({"model": PLAIN, "messages": [{"role": "user", "content": "hi"}]});
    let answer = client().post(format!("{base}/chat/completions")).bearer_auth("sk-mock").json(&body).send().await;
    let answer: Value = answer.unwrap().json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "from the file");
}

#[tokio::test]
async fn a_script_that_is_none_is_refused_with_what_is_wrong() {
    let home = Home::new();
    home.write("fault.json", r#"[{}, {"fault": "nonsense"}]"#);
    home.write("cut.json", r#"[{"content": "#);
    home.write("field.json", r#"[{"says": "x"}]"#);
    let cases =
        [("fault.json", "turn 1: "), ("cut.json", "line 1"), ("field.json", "says"), ("none.json", "no script at")];
    for (file, says) in cases {
        let end = run(&home, &["mock", "--listen", "127.0.0.1:0", "--script", file]).await;
        assert!(end.code == Some(1) && end.stderr.contains(says) && end.stdout.is_empty(), "{file}: {end:?}");
    }
}
