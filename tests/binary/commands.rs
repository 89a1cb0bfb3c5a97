//! The command line itself: help, version, completions, wrong usage, and `mock`.

use std::process::Stdio;

use super::program::{Home, Program, flowgate, run};

const COMMANDS: [&str; 13] = [
    "serve",
    "mock",
    "check",
    "doctor",
    "limits",
    "top",
    "models",
    "usage",
    "ledger",
    "healthcheck",
    "connect",
    "completions",
    "man",
];

#[tokio::test]
async fn every_command_explains_itself() {
    let home = Home::new();
    let all = run(&home, &["--help"]).await;
    assert_eq!(all.code, Some(0));
    for command in COMMANDS {
        assert!(all.stdout.contains(&format!("  {command} ")), "{command} is not in {}", all.stdout);
        for arguments in [&[command, "--help"][..], &[command, "-h"], &["help", command]] {
            let help = run(&home, arguments).await;
            assert_eq!(help.code, Some(0), "{help:?}");
            assert!(help.stdout.contains(&format!("Usage: flowgate {command}")), "{help:?}");
            assert_eq!(help.stderr, "");
        }
    }
}

/// Every option has a sentence of its own.
#[tokio::test]
async fn every_option_is_explained() {
    let home = Home::new();
    for command in COMMANDS {
        let help = run(&home, &[command, "-h"]).await;
        let options = help.stdout.lines().map(str::trim).filter(|line| line.starts_with('-'));
        for option in options {
            let explanation = option.split("  ").filter(|part| !part.trim().is_empty()).count();
            assert!(explanation >= 2, "{command}: {option}");
        }
    }
}

#[tokio::test]
async fn the_version_is_the_package_s() {
    let home = Home::new();
    for arguments in [&["--version"][..], &["-V"], &["serve", "--version"]] {
        let said = run(&home, arguments).await;
        assert_eq!(said.code, Some(0));
        let expected =
            format!("flowgate{} {}", if arguments.len() == 2 { "-serve" } else { "" }, env!("CARGO_PKG_VERSION"));
        assert!(said.stdout.starts_with(&expected), "{said:?}");
    }
}

#[tokio::test]
async fn wrong_usage_has_a_code_of_its_own() {
    let home = Home::new();
    let usages: [&[&str]; 21] = [
        &[],
        &["sreve"],
        &["serve", "--bogus"],
        &["serve", "--listen", "here"],
        &["mock", "--tier", "L9"],
        &["mock", "--first-token", "soon"],
        &["mock", "--limit", "Qwen/Qwen3-8B"],
        &["mock", "--limit", "Qwen/Qwen3-8B:rps=3"],
        &["mock", "--minute", "0s"],
        &["completions", "tcsh"],
        &["check", "--config"],
        &["models", "--kind", "chatty"],
        &["models", "--free", "--paid"],
        &["models", "show"],
        &["models", "diff", "--free"],
        &["usage", "--by", "colour"],
        &["usage", "--from", "yesterday"],
        &["usage", "--today", "--month", "2026-11"],
        &["usage", "--format", "xml"],
        &["usage", "export", "--after", "-1"],
        &["ledger"],
    ];
    for arguments in usages {
        let end = run(&home, arguments).await;
        assert_eq!(end.code, Some(2), "{arguments:?}: {end:?}");
        assert_eq!(end.stdout, "", "{arguments:?}");
        assert!(end.stderr.contains("Usage:") || end.stderr.contains("--help"), "{arguments:?}: {end:?}");
    }
}

#[tokio::test]
async fn completions_are_scripts() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&home, &["completions", shell]).await;
        assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""));
        for word in COMMANDS.into_iter().chain(["admin-listen"]) {
            assert!(script.stdout.contains(word), "{shell} knows no {word}");
        }
    }
    let script = home.write("script", &run(&home, &["completions", "bash"]).await.stdout);
    if super::program::has("bash", "completions_are_scripts") {
        let mut bash = super::program::in_home(std::process::Command::new("bash"), &home);
        bash.args(["-u", "-c", "source \"$0\" && complete -p flowgate"]).arg(script);
        let end = super::program::finished(bash).await;
        assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
    }
}

/// One page on standard output, or one for each command in a folder, all of them clean to the program that shows them.
#[tokio::test]
async fn the_manual_is_made_of_the_help() {
    let home = Home::new();
    let page = run(&home, &["man"]).await;
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert!(page.stdout.contains(".TH flowgate 1") && page.stdout.contains("flowgate\\-serve(1)"), "{page:?}");
    let written = run(&home, &["man", "--out", "man/man1"]).await;
    assert_eq!((written.code, written.stdout.as_str(), written.stderr.as_str()), (Some(0), "", ""), "{written:?}");
    for command in COMMANDS {
        let page = std::fs::read_to_string(home.path(&format!("man/man1/flowgate-{command}.1"))).unwrap();
        assert!(page.contains(&format!(".TH flowgate-{command} 1")), "{page}");
    }
    let serve = std::fs::read_to_string(home.path("man/man1/flowgate-serve.1")).unwrap();
    assert!(serve.contains("\\-\\-demo"), "{serve}");
    let refused = run(&home, &["man", "--out", "man/man1/flowgate.1"]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("cannot write the manual"), "{refused:?}");
}

/// `flowgate … | head -1`: whoever reads has seen enough, and that is no fault.
#[tokio::test]
async fn a_reader_that_leaves_is_no_fault() {
    let home = Home::new();
    let commands: [&[&str]; 4] = [&["completions", "bash"], &["man"], &["--help"], &["check"]];
    for arguments in commands {
        let mut command = flowgate(&home, arguments);
        command.env("SILICONFLOW_API_KEY", "sk-mock");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        drop(command);
        let end = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&end.stderr);
        assert!(end.status.code() != Some(101) && !said.contains("panicked"), "{arguments:?}: {} {said}", end.status);
    }
}

async fn emulator(home: &Home, arguments: &[&str]) -> (Program, String) {
    let mut program = Program::start(flowgate(home, &[&["mock", "--listen", "127.0.0.1:0"], arguments].concat()));
    let line = program.line_with("emulator at http://").await;
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    (program, url)
}

#[tokio::test]
async fn the_emulator_runs_alone() {
    let home = Home::new();
    let (program, url) = emulator(&home, &["--key", "sk-own", "--limits", "--tier", "L1"]).await;
    assert!(program.stdout().contains("sk-own"));
    let models = super::gateway::client().get(format!("{url}/models")).bearer_auth("sk-own").send().await.unwrap();
    assert_eq!(models.status(), 200);
    let models = super::gateway::client().get(format!("{url}/models")).bearer_auth("sk-mock").send().await.unwrap();
    assert_eq!(models.status(), 401);
}

/// Limits, the length of a minute, what counts: all by flags, and told by the emulator itself.
#[tokio::test]
async fn the_emulator_keeps_the_limits_it_is_given() {
    let home = Home::new();
    let model = "Qwen/Qwen3-8B";
    let limits = format!("{model}:rpm=1,tpm=50000");
    let flags = ["--limit", &limits, "--rule", "bucket", "--minute", "1000d", "--count-refused"];
    let (_program, url) = emulator(&home, &flags).await;
    let body = serde_json::json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
    let mut seen = Vec::new();
    for _ in 0..3 {
        let request =
            super::gateway::client().post(format!("{url}/chat/completions")).bearer_auth("sk-mock").json(&body);
        seen.push(request.send().await.unwrap().status().as_u16());
    }
    assert_eq!(seen, [200, 429, 429]);
    let quota = super::gateway::client().get(url.replace("/v1", "/mock/quota")).send().await.unwrap();
    let quota: serde_json::Value = quota.json().await.unwrap();
    let (rpm, tpm) = (&quota[0]["metrics"]["rpm"], &quota[0]["metrics"]["tpm"]);
    assert_eq!(
        (&rpm["limit"], &rpm["charged"], &rpm["refused"], &tpm["limit"]),
        (&1.into(), &3.into(), &2.into(), &50_000.into())
    );
}

#[tokio::test]
async fn the_emulator_ends_well() {
    let home = Home::new();
    for signal in ["INT", "TERM"] {
        let (mut program, _) = emulator(&home, &[]).await;
        program.signal(signal);
        assert_eq!(program.end().await.0, Some(0), "after {signal}");
    }
}

#[tokio::test]
async fn the_emulator_says_which_address_is_taken() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let end = run(&home, &["mock", "--listen", &address]).await;
    assert_eq!(end.code, Some(1));
    assert!(end.stderr.contains(&address), "{end:?}");
}
