//! `flowgate healthcheck`: what a container is asked, without curl.

use super::gateway::{Gateway, emulator, slow_emulator};
use super::program::{Home, finished, flowgate, run, until};

/// The admin address of a gateway, as the option says it.
fn admin(gateway: &Gateway) -> String {
    gateway.admin.trim_start_matches("http://").to_owned()
}

#[tokio::test]
async fn a_gateway_that_takes_requests_is_well() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    for more in [&[][..], &["--alive"]] {
        let end = run(&home, &[&["healthcheck", "--admin-listen", &admin(&gateway)], more].concat()).await;
        assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
    }
    for url in [gateway.admin.clone(), gateway.admin.replace("127.0.0.1", "localhost") + "/"] {
        let end = run(&home, &["healthcheck", "--url", &url]).await;
        assert_eq!((end.code, end.stdout.as_str()), (Some(0), "ready\n"), "{end:?}");
    }
    // The address also comes from the configuration, and it needs no account's key.
    let config = format!(
        "[admin]\nlisten = \"{}\"\n[[account]]\nname = \"a\"\napi_key = {{ env = \"NOT_SET\" }}\n",
        admin(&gateway)
    );
    home.write("other.toml", &config);
    let end = run(&home, &["healthcheck", "--config", "other.toml"]).await;
    assert_eq!((end.code, end.stdout.as_str()), (Some(0), "ready\n"), "{end:?}");
}

#[tokio::test]
async fn a_gateway_that_drains_runs_but_takes_no_requests() {
    let (home, emulator) = (Home::new(), slow_emulator(std::time::Duration::from_millis(200)).await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    let _stream = gateway.stream(100_000, "anything").await;
    gateway.program.signal("TERM");
    let asked = |more: &'static str| {
        let arguments = ["healthcheck", "--admin-listen", &admin(&gateway), more].map(str::to_owned);
        let mut command = flowgate(&home, &[]);
        command.args(arguments.into_iter().filter(|argument| !argument.is_empty()));
        finished(command)
    };
    until("the gateway drains", async || (asked("").await.code == Some(1)).then_some(())).await;
    let (ready, alive) = (asked("").await, asked("--alive").await);
    assert_eq!((ready.code, ready.stdout.as_str()), (Some(1), "draining\n"), "{ready:?}");
    assert_eq!((alive.code, alive.stdout.as_str()), (Some(0), "ok\n"), "{alive:?}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_or_does_not_answer_is_not_well() {
    let home = Home::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let end = run(&home, &["healthcheck", "--admin-listen", &address, "--timeout", "100ms"]).await;
    assert_eq!(end.code, Some(1));
    assert!(end.stderr.contains("did not answer within 100ms"), "{end:?}");
    drop(silent);
    let end = run(&home, &["healthcheck", "--admin-listen", &address]).await;
    assert_eq!(end.code, Some(1));
    assert!(end.stderr.contains("is it running?"), "{end:?}");
    for wrong in ["127.0.0.1:4001", "ftp://127.0.0.1", "http:// x"] {
        let end = run(&home, &["healthcheck", "--url", wrong]).await;
        assert!(end.code == Some(1) && end.stderr.contains(wrong), "{end:?}");
    }
}
