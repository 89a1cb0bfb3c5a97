//! `flowgate connect`: what it prints is what the document says and can be read, and what it changes is what it said.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::gateway::{Gateway, PLAIN, emulator};
use super::program::{Finished, Home, finished, flowgate, has, in_home, repository, run};

const TOOLS: [&str; 11] = [
    "codex",
    "claude-code",
    "cherry-studio",
    "cline",
    "continue",
    "aider",
    "opencode",
    "langchain",
    "llamaindex",
    "open-webui",
    "nextchat",
];
/// Tools with a file that is changed, and one that is.
const CHANGED: [(&str, &str, &str); 3] = [
    ("codex", ".codex/config.toml", "# mine\nmodel = \"o3\" # fast\napproval_policy = \"never\"\n\n[tui]\nx = 1 # y\n"),
    (
        "claude-code",
        ".claude/settings.json",
        "{\n    \"theme\": \"dark\",\n    \"env\": {\n        \"A\": \"1\"\n    },\n    \"n\": 1.0\n}\n",
    ),
    ("opencode", ".config/opencode/opencode.json", "{\"theme\": \"x\", \"provider\": {\"other\": {}}}"),
];
/// A file with a key: whoever calls needs one. Its secret is `foo`.
const KEYED: &str =
    "[[key]]\nname = \"ann\"\nhash = \"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\"\n";

async fn connect(home: &Home, arguments: &[&str]) -> Finished {
    run(home, &[&["connect"], arguments].concat()).await
}

async fn keyed(home: &Home, arguments: &[&str]) -> Finished {
    home.write("flowgate.toml", KEYED);
    connect(home, &[arguments, &["--config", "flowgate.toml"]].concat()).await
}

fn read(home: &Home, file: &str) -> String {
    std::fs::read_to_string(home.path(file)).unwrap()
}

/// The files of a folder that are backups.
fn backups(home: &Home, file: &str) -> Vec<String> {
    let path = home.path(file);
    let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".flowgate-")).collect()
}

#[tokio::test]
async fn without_a_tool_all_are_listed() {
    let home = Home::new();
    let all = connect(&home, &[]).await;
    let listed = connect(&home, &["--json"]).await.json();
    assert_eq!(all.code, Some(0));
    for (tool, entry) in TOOLS.iter().zip(listed.as_array().unwrap()) {
        assert!(all.stdout.lines().any(|line| line.starts_with(tool)), "{tool}");
        assert_eq!(entry["tool"], *tool);
    }
    assert_eq!(connect(&home, &["emacs"]).await.code, Some(2));
}

/// What is printed for each tool stands in the document, word for word.
#[tokio::test]
async fn the_document_has_what_is_printed() {
    let home = Home::new();
    let document = std::fs::read_to_string(repository("docs/connect.md")).unwrap();
    for tool in TOOLS {
        let shown = keyed(&home, &[tool, "--json", "--model", "deepseek-ai/DeepSeek-V3.2"]).await.json();
        for section in shown["settings"].as_array().unwrap() {
            let (language, text) = (section["language"].as_str().unwrap(), section["text"].as_str().unwrap());
            assert!(document.contains(&format!("\n```{language}\n{text}\n```\n")), "{tool}: {text}");
        }
    }
}

#[tokio::test]
async fn what_is_printed_can_be_read() {
    let home = Home::new();
    for tool in TOOLS {
        for more in [&["--no-key"][..], &["--url", "http://gate.example:80/v1/", "--key-env", "MY_KEY"]] {
            let shown = connect(&home, &[&[tool, "--json"], more].concat()).await.json();
            assert!(!shown["settings"].as_array().unwrap().is_empty(), "{tool}");
            for section in shown["settings"].as_array().unwrap() {
                let text = section["text"].as_str().unwrap();
                match section["language"].as_str().unwrap() {
                    "toml" => drop(text.parse::<toml::Table>().unwrap()),
                    "json" => drop(serde_json::from_str::<Value>(text).unwrap()),
                    "yaml" => assert_yaml(text),
                    "python" => {
                        assert_runs(&home, "python3", &["-c", "import ast, sys; ast.parse(sys.stdin.read())"], text)
                            .await
                    }
                    "sh" => assert_runs(&home, "bash", &["-n"], text).await,
                    other => assert_eq!(other, "text"),
                }
            }
        }
    }
}

async fn assert_runs(home: &Home, program: &str, arguments: &[&str], text: &str) {
    if has(program, "what_is_printed_can_be_read") {
        let file = home.write("input", text);
        let mut command = in_home(Command::new("sh"), home);
        let line = format!("{program} \"$@\" < {}", file.display());
        command.args(["-c", &line, "sh"]).args(arguments);
        let end = finished(command).await;
        assert_eq!(end.code, Some(0), "{text}: {end:?}");
    }
}

/// The little of YAML that is printed: maps by indentation, one list of maps, lists in brackets, plain or quoted words.
fn assert_yaml(text: &str) {
    let mut deepest = 0;
    for line in text.lines() {
        let indentation = line.len() - line.trim_start().len();
        let item = line.trim_start().strip_prefix("- ").unwrap_or(line.trim_start());
        assert!(indentation % 2 == 0 && indentation <= deepest + 4, "{line}");
        deepest = indentation;
        let (name, value) = item.split_once(':').unwrap_or_else(|| panic!("no member: {line}"));
        assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'), "{line}");
        let value = value.strip_prefix(' ').unwrap_or_else(|| if value.is_empty() { "" } else { panic!("{line}") });
        assert!(!value.contains(": ") && !value.contains(" #") && value.trim() == value, "{line}");
        assert!(!value.starts_with(['&', '*', '!', '|', '>', '%', '@', '`', '{']), "{line}");
    }
}

#[tokio::test]
async fn a_change_is_shown_kept_made_once_and_undone() {
    for (tool, file, old) in CHANGED {
        let home = Home::new();
        let path = home.write(file, old);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let end = keyed(&home, &[tool, "--write", "--yes"]).await;
        assert_eq!(end.code, Some(0), "{end:?}");
        assert!(end.stdout.contains("  + ") && end.stdout.contains("export "), "{end:?}");
        let new = read(&home, file);
        assert!(new.contains("http://127.0.0.1:4000"), "{new}");
        let kept = backups(&home, file);
        assert_eq!(kept.len(), 1, "{kept:?}");
        let backup = path.with_file_name(&kept[0]);
        assert_eq!(std::fs::read_to_string(&backup).unwrap(), old);
        for file in [&path, &backup] {
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let again = keyed(&home, &[tool, "--write", "--yes"]).await;
        assert!(again.code == Some(0) && again.stdout.contains("nothing to do"), "{again:?}");
        assert_eq!((read(&home, file), backups(&home, file).len()), (new, 1));
        let undone = keyed(&home, &[tool, "--undo", "--yes"]).await;
        assert_eq!((undone.code, read(&home, file).as_str()), (Some(0), old), "{undone:?}");
        assert_eq!(backups(&home, file).len(), 0);
        assert_eq!(keyed(&home, &[tool, "--undo", "--yes"]).await.code, Some(1));
    }
}

#[tokio::test]
async fn what_was_there_stays() {
    let home = Home::new();
    for (tool, file, old) in CHANGED {
        home.write(file, old);
        assert_eq!(keyed(&home, &[tool, "--write", "--yes"]).await.code, Some(0));
    }
    let codex = read(&home, ".codex/config.toml");
    for line in ["# mine", "model = \"Qwen/Qwen3.5-4B\" # fast", "approval_policy = \"never\"", "[tui]", "x = 1 # y"] {
        assert!(codex.lines().any(|own| own == line), "{line} is not in {codex}");
    }
    let claude = read(&home, ".claude/settings.json");
    assert!(
        claude.starts_with("{\n    \"theme\": \"dark\",\n    \"env\": {\n        \"A\": \"1\",\n")
            && claude.contains("\"n\": 1.0")
    );
    let opencode: Value = serde_json::from_str(&read(&home, ".config/opencode/opencode.json")).unwrap();
    assert!(opencode["provider"]["other"].is_object() && opencode["theme"] == "x");
    assert_eq!(opencode["provider"]["flowgate"]["options"]["apiKey"], "{env:FLOWGATE_KEY}");
}

#[tokio::test]
async fn a_file_is_made_where_there_is_none_and_undone() {
    for (tool, file) in [
        ("codex", ".codex/config.toml"),
        ("claude-code", ".claude/settings.json"),
        ("continue", ".continue/config.yaml"),
        ("aider", ".aider.conf.yml"),
        ("opencode", ".config/opencode/opencode.json"),
    ] {
        let home = Home::new();
        let shown = keyed(&home, &[tool, "--json"]).await.json();
        assert_eq!(shown["file"], home.path(file).to_str().unwrap());
        let written = keyed(&home, &[tool, "--write", "--yes", "--json"]).await.json();
        assert_eq!(written["changed"], true);
        assert_eq!(read(&home, file).trim_end(), shown["settings"][0]["text"].as_str().unwrap());
        assert_eq!(keyed(&home, &[tool, "--write", "--yes", "--json"]).await.json()["changed"], false);
        assert_eq!(keyed(&home, &[tool, "--undo", "--yes"]).await.code, Some(0));
        assert!(!home.path(file).exists());
    }
}

#[tokio::test]
async fn nobody_is_asked_where_nobody_is() {
    let home = Home::new();
    for more in [&[][..], &["--json"]] {
        let end = keyed(&home, &[&["codex", "--write"], more].concat()).await;
        assert!(end.code == Some(1) && end.stderr.contains("--yes"), "{end:?}");
    }
    assert!(!home.path(".codex").exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_understood_is_left_alone() {
    let cases = [
        ("codex", ".codex/config.toml", "model = \"o3", "no TOML"),
        ("codex", ".codex/config.toml", "model_providers = 3", "no table"),
        ("claude-code", ".claude/settings.json", "{\"env\": {},}", "no JSON"),
        ("claude-code", ".claude/settings.json", "{\"env\": 1}", "no object"),
        ("opencode", ".config/opencode/opencode.json", "{\"a\": 1, \"a\": 2}", "twice"),
        ("continue", ".continue/config.yaml", "name: mine\n", "yourself"),
        ("aider", ".aider.conf.yml", "model: gpt-4o\n", "yourself"),
    ];
    for (tool, file, old, says) in cases {
        let home = Home::new();
        home.write(file, old);
        let end = keyed(&home, &[tool, "--write", "--yes"]).await;
        assert!(end.code == Some(1) && end.stderr.contains(says), "{tool}: {end:?}");
        assert_eq!((read(&home, file).as_str(), backups(&home, file).len()), (old, 0));
    }
    let home = Home::new();
    let end = connect(&home, &["cline", "--write"]).await;
    assert!(end.code == Some(1) && end.stderr.contains("no file"), "{end:?}");
}

/// The key of another service neither goes to the gateway nor onto the screen.
#[tokio::test]
async fn another_service_s_key_is_taken_out_and_not_shown() {
    let home = Home::new();
    let old = "{\"env\": {\n  \"ANTHROPIC_AUTH_TOKEN\": \"sk-other-1\",\n  \"ANTHROPIC_API_KEY\": \"sk-other-2\"\n}}\n";
    home.write(".claude/settings.json", old);
    for arguments in [&["claude-code", "--write", "--yes"][..], &["claude-code", "--undo", "--yes"]] {
        let end = keyed(&home, arguments).await;
        assert!(end.code == Some(0) && !end.text().contains("sk-other"), "{end:?}");
        assert_eq!(read(&home, ".claude/settings.json") == old, arguments.contains(&"--undo"));
    }
}

#[tokio::test]
async fn a_link_stays_a_link() {
    let home = Home::new();
    let real = home.write("dotfiles/codex.toml", "a = 1\n");
    std::fs::create_dir_all(home.path(".codex")).unwrap();
    symlink(&real, home.path(".codex/config.toml")).unwrap();
    assert_eq!(keyed(&home, &["codex", "--write", "--yes"]).await.code, Some(0));
    assert!(home.path(".codex/config.toml").is_symlink());
    assert!(std::fs::read_to_string(real).unwrap().starts_with("a = 1\n"));
    assert_eq!(backups(&home, "dotfiles/codex.toml").len(), 1);
}

#[tokio::test]
async fn the_tools_own_variables_say_where_files_are() {
    let home = Home::new();
    home.write("flowgate.toml", KEYED);
    for (tool, variable, file) in [
        ("codex", "CODEX_HOME", "config.toml"),
        ("claude-code", "CLAUDE_CONFIG_DIR", "settings.json"),
        ("continue", "CONTINUE_GLOBAL_DIR", "config.yaml"),
        ("opencode", "XDG_CONFIG_HOME", "opencode/opencode.json"),
    ] {
        let folder = home.path(&format!("{tool}-elsewhere"));
        let mut command = flowgate(&home, &["connect", tool, "--write", "--yes", "--config", "flowgate.toml"]);
        command.env(variable, &folder);
        assert_eq!(finished(command).await.code, Some(0));
        assert!(folder.join(file).is_file(), "{tool}");
    }
    let mut homeless = flowgate(&home, &["connect", "codex"]);
    homeless.env_remove("HOME").env("XDG_DATA_HOME", home.path("data"));
    let end = finished(homeless).await;
    assert!(end.code == Some(1) && end.stderr.contains("HOME"), "{end:?}");
}

#[tokio::test]
async fn address_model_and_key_come_from_the_configuration_or_the_command_line() {
    let home = Home::new();
    let shown = async |arguments: &[&str]| connect(&home, &[&["codex", "--json"], arguments].concat()).await.json();
    let usual = shown(&[]).await;
    assert_eq!((&usual["base_url"], &usual["key_env"]), (&"http://127.0.0.1:4000/v1".into(), &Value::Null));
    assert!(!usual["settings"].to_string().contains("env_key"));
    home.write(
        "g.toml",
        &format!("[server]\nlisten = \"0.0.0.0:4100\"\n[models.alias]\ncoder = \"zai-org/GLM-5.2\"\n{KEYED}"),
    );
    let configured = shown(&["--config", "g.toml", "--model", "coder"]).await;
    assert_eq!(
        (&configured["base_url"], &configured["key_env"]),
        (&"http://127.0.0.1:4100/v1".into(), &"FLOWGATE_KEY".into())
    );
    assert_eq!((&configured["model"], &configured["context"]), (&"coder".into(), &1_048_576.into()));
    let elsewhere = shown(&["--url", "https://gate.example", "--key-env", "GATE_KEY"]).await;
    assert_eq!(
        (&elsewhere["base_url"], &elsewhere["key_env"]),
        (&"https://gate.example/v1".into(), &"GATE_KEY".into())
    );
    assert_eq!(shown(&["--url", "http://[::1]:4000", "--no-key"]).await["key_env"], Value::Null);
    for (model, says) in
        [("Qwen/Qwen3-8", "did you mean"), ("BAAI/bge-m3", "kind embedding"), ("Qwen/QwQ-32B", "take Qwen/Qwen3-32B")]
    {
        let end = connect(&home, &["codex", "--model", model]).await;
        assert!(end.code == Some(1) && end.stderr.contains(says), "{end:?}");
    }
    for wrong in [&["--url", "gate.example"][..], &["--key-env", "fg-abc"], &["--no-key", "--key-env", "A"]] {
        assert_eq!(connect(&home, &[&["codex"], wrong].concat()).await.code, Some(2), "{wrong:?}");
    }
}

/// A stored key counts like one of the file.
#[tokio::test]
async fn a_stored_key_is_asked_for() {
    let home = Home::new();
    assert_eq!(connect(&home, &["codex", "--json"]).await.json()["key_env"], Value::Null);
    assert_eq!(run(&home, &["keys", "create", "ann"]).await.code, Some(0));
    assert_eq!(connect(&home, &["codex", "--json"]).await.json()["key_env"], "FLOWGATE_KEY");
}

#[tokio::test]
async fn it_says_whether_a_gateway_answers() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, KEYED).await;
    let look = async |key: &str, model: &str| {
        let mut command = flowgate(&home, &["connect", "codex", "--json", "--url", &gateway.base, "--model", model]);
        if !key.is_empty() {
            command.env("FLOWGATE_KEY", key);
        }
        finished(command).await.json()["gateway"].as_str().unwrap().to_owned()
    };
    assert_eq!(look("", PLAIN).await, "no-key");
    assert_eq!(look("wrong", PLAIN).await, "wrong-key");
    assert_eq!(look("foo", PLAIN).await, "ready");
    let address = gateway.base.clone();
    gateway.stop().await;
    let mut command = flowgate(&home, &["connect", "codex", "--url", &address]);
    command.stdin(Stdio::null());
    let end = finished(command).await;
    assert!(end.code == Some(0) && end.stdout.contains("nothing answers"), "{end:?}");
}
