//! A wrong configuration: all its faults at once, each with file, line and remedy, from every command alike.

use super::program::{Finished, Home, finished, flowgate};

async fn check(home: &Home, arguments: &[&str]) -> Finished {
    let mut command = flowgate(home, &[&["check", "--config", "flowgate.toml"], arguments].concat());
    command.env("SILICONFLOW_API_KEY", "sk-mock");
    finished(command).await
}

async fn serve(home: &Home) -> Finished {
    let mut command = flowgate(home, &["serve", "--config", "flowgate.toml", "--admin-listen", "127.0.0.1:0"]);
    command.env("SILICONFLOW_API_KEY", "sk-mock");
    finished(command).await
}

/// Line of the file, and words of its fault.
type Expected = (usize, &'static str);

/// `check`, `check --json` and `serve` refuse `text` with just these faults.
async fn refused(text: &str, expected: &[Expected]) {
    let home = Home::new();
    home.write("flowgate.toml", text);
    let (plain, json) = (check(&home, &[]).await, check(&home, &["--json"]).await);
    assert_eq!([plain.code, json.code], [Some(1); 2], "{plain:?}");
    let serve = serve(&home).await;
    assert_eq!(serve.code, Some(1), "{serve:?}");
    let json = json.json();
    assert_eq!(json["ok"], false);
    for (line, words) in expected {
        let place = format!("flowgate.toml:{line}: ");
        for (command, said) in [("check", &plain.stdout), ("serve", &serve.stderr)] {
            let found = said.lines().any(|fault| fault.contains(&place) && fault.contains(words));
            assert!(found, "{command}: no fault of line {line} with {words:?} in:\n{said}");
        }
        let faults = json["faults"].as_array().unwrap();
        let found = faults.iter().any(|fault| {
            fault["line"] == *line
                && fault["file"] == "flowgate.toml"
                && fault["message"].as_str().unwrap().contains(words)
        });
        assert!(found, "--json: no fault of line {line} with {words:?} in {json}");
    }
    assert_eq!(plain.stdout.lines().count(), expected.len(), "more or fewer than expected:\n{}", plain.stdout);
}

#[tokio::test]
async fn all_faults_come_at_once() {
    let text = r#"[server]
listn = "127.0.0.1:4000"
listen = "localhost:4000"
max_body = "64MB"
max_connections = 0
drain_timeout = "0s"
body_timeout = 5
unknown_paths = "maybe"
origins = "https://a.example"
[admin]
listen = 4001
[log]
format = "xml"
[upstream]
base_url = "ftp://api.siliconflow.cn"
idle_timeout = "soon"
retries = 11
forward_headers = ["authorization"]
ca_file = "absent.pem"
[models.alias]
"gpt-*-mini" = "Qwen/Qwen3-8B"
[[account]]
api_key = "sk-plain"
[[account]]
name = "two"
[[key]]
name = "ann"
[[key]]
name = "bob"
hash = "sha256:12"
[[key]]
name = "eve"
hash = "sha256:36c76b48bb2ee1d9d37140550e9d7ed7d395cf56f41050dc2a72e5291c0011f0"
expires = "31.1.2027"
[colour]
dark = true
"#;
    let faults = [
        (2, "server.listn: unknown name; did you mean `listen`?"),
        (3, "127.0.0.1:4000"),
        (4, "write it like \"64MiB\""),
        (5, "from 1 to 1000000"),
        (6, "zero"),
        (7, "a duration such as \"30s\""),
        (8, "\"pass\", \"refuse\""),
        (9, "a list of strings"),
        (11, "a string in quotes"),
        (13, "\"pretty\", \"json\""),
        (15, "is not http or https"),
        (16, "write it like \"30s\""),
        (17, "from 0 to 10"),
        (18, "`authorization` is no header that can be forwarded"),
        (19, "cannot read"),
        (21, "`*` may stand only at the end"),
        (23, "an account needs a name"),
        (23, "a secret is written { env ="),
        (25, "an account needs a key"),
        (27, "either `secret` (by reference) or `hash`"),
        (30, "64 hex digits"),
        (34, "a date and time in UTC"),
        (35, "colour: unknown name"),
    ];
    refused(text, &faults).await;
}

#[tokio::test]
async fn broken_toml_has_a_line_too() {
    refused("[server]\nlisten = \n", &[(2, "")]).await;
    refused("[server]\nlisten = \"127.0.0.1:4000\"\nlisten = \"127.0.0.1:4001\"\n", &[(3, "duplicate key")]).await;
    refused("[server\n", &[(1, "")]).await;
}

/// Two keys of one name would share their metrics; of one secret, one would never be used.
#[tokio::test]
async fn keys_that_are_there_twice_have_a_line() {
    let key = |name: &str, digit: char| {
        format!("[[key]]\nname = \"{name}\"\nhash = \"sha256:{}\"\n", String::from(digit).repeat(64))
    };
    refused(&format!("{}{}", key("ann", 'a'), key("ann", 'b')), &[(5, "ann")]).await;
    refused(&format!("{}{}", key("ann", 'a'), key("bob", 'a')), &[(5, "ann")]).await;
}

#[tokio::test]
async fn accounts_that_are_there_twice_have_a_line() {
    let account = "[[account]]\nname = \"main\"\napi_key = { env = \"SILICONFLOW_API_KEY\" }\n";
    refused(&format!("{account}{account}"), &[(5, "main")]).await;
}

/// Teams, fields of keys, and the operator's token.
#[tokio::test]
async fn what_is_about_a_team_has_a_line() {
    let text = r#"[[team]]
name = "m l"
budget_per_day = 5
[[team]]
name = "ml"
[[team]]
name = "ml"
members = 3
[[key]]
name = "ann"
hash = "sha256:36c76b48bb2ee1d9d37140550e9d7ed7d395cf56f41050dc2a72e5291c0011f0"
tags = ["two words"]
endpoints = ["/chat"]
tokens_per_month = 0
on_leave = "stay"
[keys]
on_revoke = "kill"
[admin]
token = "plain-0123456789abcdef"
"#;
    let faults = [
        (2, "team.name: must be letters, digits"),
        (3, "an amount such as \"5 CNY\""),
        (7, "there is another team `ml`"),
        (8, "team.members: unknown name"),
        (12, "not `two words`"),
        (13, "`/chat` is no endpoint; there are \"/chat/completions\""),
        (14, "a whole number from 1 on"),
        (15, "\"cancel\", \"drain\""),
        (17, "\"finish\", \"cut\""),
        (19, "a secret is written { env ="),
    ];
    refused(text, &faults).await;
}

#[tokio::test]
async fn every_alias_that_cannot_be_has_a_line() {
    let text = "[models.alias]\n\"good\" = \"Qwen/Qwen3-8B\"\n\"a*b\" = \"x\"\n\"\" = \"x\"\n\"empty\" = \"\"\n\"round\" = \"about\"\n\"about\" = \"round\"\n";
    refused(text, &[(3, "a*b"), (4, ""), (5, "empty"), (6, "circle")]).await;
}

#[tokio::test]
async fn every_policy_that_cannot_be_has_a_line() {
    let text = r#"[models]
policy = "free"
thinking = "maybe"
[models.spill]
allowed = "yes"
after = "soon"
budget_per_day = 5
sticky = "0s"
[models.alias]
"number" = 5
"none" = { policy = "exact" }
"both" = { model = "a", models = ["b"] }
"odd" = { model = "a", modle = "b" }
"empty" = { models = [] }
"ladder" = { model = "a", policy = "ladder" }
"good" = { models = ["a", "b"], policy = "ladder" }
"twice" = { models = ["a", "b", "a"] }
"nested" = { models = ["c", "good"] }
[models.fallback]
"a" = ["b", "a"]
"b" = "a"
"c" = ["d", "d"]
"e" = ["f", "a"]
"f" = ["e"]
[[key]]
name = "ann"
hash = "sha256:36c76b48bb2ee1d9d37140550e9d7ed7d395cf56f41050dc2a72e5291c0011f0"
policy = "ladder"
spill = 1
"#;
    let faults = [
        (2, "\"prefer-free\""),
        (3, "\"refuse\""),
        (5, "true or false"),
        (6, "`soon` is not a duration"),
        (7, "an amount such as \"5 CNY\""),
        (10, "the id of a model in quotes"),
        (11, "either `model` or `models`"),
        (12, "either `model` or `models`"),
        (13, "`modle` is not known here"),
        (14, "a list of ids"),
        (15, "where there are `models`"),
        (17, "`twice`: a stands there twice"),
        (18, "`nested`: good has a list of its own"),
        (20, "a stands there twice, or leads back"),
        (21, "a list of ids"),
        (22, "d stands there twice"),
        (28, "\"prefer-pro\""),
        (29, "true or false"),
    ];
    refused(text, &faults).await;
}

/// A word that is no level would be taken for the name of a module and silence everything else.
#[tokio::test]
async fn a_level_that_is_none_is_refused() {
    refused("[log]\nlevel = \"warning\"\n", &[(2, "\"warn\"")]).await;
    refused("[log]\nlevel = \"verbose\"\n", &[(2, "\"debug\"")]).await;
}

/// Such an origin would never match one that a browser sends.
#[tokio::test]
async fn an_origin_that_no_browser_sends_is_refused() {
    refused("[server]\norigins = [\"app.nextchat.dev\"]\n", &[(2, "https://")]).await;
    refused("[server]\norigins = [\"https://app.nextchat.dev/\"]\n", &[(2, "app.nextchat.dev")]).await;
}

#[tokio::test]
async fn a_host_that_no_request_names_is_refused() {
    refused("[server]\nhosts = [\"https://gateway.example\"]\n", &[(2, "gateway.example")]).await;
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_has_a_line() {
    let faults = [(2, "write the path in full"), (3, "true or false")];
    refused("[state]\ndir = \"~ann/state\"\nfsync = \"yes\"\n", &faults).await;
    refused("[state]\ndir = \"\"\n", &[(2, "must not be empty")]).await;
    refused("[state]\ndir = true\n", &[(2, "a string in quotes")]).await;
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named() {
    let home = Home::new();
    std::fs::write(home.path("flowgate.toml"), b"[server]\n# \xff\n").unwrap();
    for end in [check(&home, &[]).await, serve(&home).await] {
        assert_eq!(end.code, Some(1));
        assert!(end.text().contains("flowgate.toml"), "{end:?}");
    }
    home.remove("flowgate.toml");
    std::fs::create_dir(home.path("flowgate.toml")).unwrap();
    let end = check(&home, &[]).await;
    assert_eq!(end.code, Some(1));
    assert!(end.text().contains("flowgate.toml"), "{end:?}");
}

/// What `check` finds good must start: certificates that cannot be used are faults of the configuration.
#[tokio::test]
async fn certificates_are_checked_as_well() {
    refused(
        "[server.tls]\ncert_file = \"absent.pem\"\nkey_file = \"absent.key\"\n",
        &[(2, "absent.pem"), (3, "absent.key")],
    )
    .await;
    refused("[server.tls]\ncert_file = \"only.pem\"\n", &[(2, "both cert_file and key_file")]).await;
}

#[tokio::test]
async fn roots_that_are_none_are_found_as_well() {
    let home = Home::new();
    home.write("ca.pem", "not a certificate");
    home.write("flowgate.toml", "[upstream]\nca_file = \"ca.pem\"\n");
    for end in [check(&home, &[]).await, serve(&home).await] {
        assert_eq!(end.code, Some(1), "{end:?}");
        assert!(end.text().contains("ca.pem"), "{end:?}");
    }
}

#[tokio::test]
async fn a_good_file_is_summed_up_without_secrets() {
    let home = Home::new();
    home.write("ann.key", "sk-canary");
    home.write(
        "flowgate.toml",
        "[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }\n[models.alias]\n\"fast\" = \"Qwen/Qwen3-8B\"\n",
    );
    let (plain, json) = (check(&home, &[]).await, check(&home, &["--json"]).await);
    assert_eq!((plain.code, json.code), (Some(0), Some(0)));
    assert!(plain.stdout.starts_with("ok   configuration: flowgate.toml\n"), "{plain:?}");
    let told = json.json();
    assert_eq!((&told["ok"], &told["settings"]["keys"][0]), (&true.into(), &"ann".into()));
    for end in [plain, json] {
        assert!(!end.text().contains("canary") && !end.text().contains("sk-mock"), "{end:?}");
    }
}
