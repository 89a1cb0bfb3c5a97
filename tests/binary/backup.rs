//! `flowgate ledger backup` beside a running gateway, and a gateway that starts with what it has copied.

use std::os::unix::fs::PermissionsExt;

use super::gateway::{Gateway, emulator};
use super::program::{Home, run, until};

const COMMON: [&str; 2] = ["--config", "flowgate.toml"];

async fn rows(home: &Home) -> usize {
    let exported = run(home, &[&["usage", "export"], &COMMON[..]].concat()).await;
    exported.stdout.lines().count()
}

#[tokio::test]
async fn what_was_copied_beside_a_running_gateway_starts_another() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "[state]\ndir = \"state\"\n").await;
    let made = run(&home, &[&["keys", "create", "ann"], &COMMON[..]].concat()).await;
    let secret = made.stdout.trim().to_owned();
    gateway.answers(&secret, 200).await;
    gateway.answers("another", 401).await;
    until("the request is filed", async || (rows(&home).await > 0).then_some(())).await;
    let copied = run(&home, &[&["ledger", "backup", "copy.db"], &COMMON[..]].concat()).await;
    assert_eq!((copied.code, copied.stderr.as_str()), (Some(0), ""), "{copied:?}");
    for name in ["copy.db", "state/flowgate.db", "state/flowgate.db-wal"] {
        let mode = std::fs::metadata(home.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let filed = rows(&home).await;
    gateway.stop().await;

    // As the help says: the file alone, in the place of flowgate.db.
    std::fs::remove_dir_all(home.path("state")).unwrap();
    std::fs::create_dir(home.path("state")).unwrap();
    std::fs::rename(home.path("copy.db"), home.path("state/flowgate.db")).unwrap();
    let checked = run(&home, &[&["ledger", "check"], &COMMON[..]].concat()).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(rows(&home).await, filed);
    let gateway = Gateway::start(&home, &COMMON).await;
    assert_eq!((gateway.status_for(&secret).await, gateway.status_for("another").await), (200, 401));
    gateway.stop().await;
}

/// What is there already is not written over, and a copy that failed leaves nothing.
#[tokio::test]
async fn nothing_is_overwritten_and_nothing_half_is_left() {
    let (home, emulator) = (Home::new(), emulator().await);
    Gateway::before(&home, &emulator, "[state]\ndir = \"state\"\n").await.stop().await;
    home.write("there", "precious");
    let refused = run(&home, &[&["ledger", "backup", "there"], &COMMON[..]].concat()).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("there"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(home.path("there")).unwrap(), "precious");
    let refused = run(&home, &[&["ledger", "backup", "no/such/folder"], &COMMON[..]].concat()).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    home.write("state/flowgate.db", "no database at all");
    let refused = run(&home, &[&["ledger", "backup", "copy.db"], &COMMON[..]].concat()).await;
    assert!(refused.code == Some(1) && !home.path("copy.db").exists(), "{refused:?}");
}
