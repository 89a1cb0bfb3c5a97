//! Addresses that cannot be had.

use std::net::TcpListener;

use super::gateway::{Gateway, emulator};
use super::program::{Home, run};

#[tokio::test]
async fn a_taken_port_is_named_with_the_way_out() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let cases = [
        (["--listen", &address, "--admin-listen", "127.0.0.1:0"], "--listen"),
        (["--listen", "127.0.0.1:0", "--admin-listen", &address], "--admin-listen"),
    ];
    for (arguments, option) in cases {
        let end = run(&home, &[&["serve", "--demo"], &arguments[..]].concat()).await;
        assert_eq!((end.code, end.stdout.as_str()), (Some(1), ""));
        let remedy = format!("cannot listen on {address}");
        assert!(end.stderr.contains(&remedy) && end.stderr.contains(option), "{end:?}");
        assert_eq!(end.stderr.lines().count(), 1, "{end:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_ours_is_named() {
    let home = Home::new();
    let end = run(&home, &["serve", "--demo", "--listen", "127.0.0.1:0", "--admin-listen", "192.0.2.1:4001"]).await;
    assert_eq!(end.code, Some(1));
    assert!(end.stderr.contains("192.0.2.1:4001") && end.stderr.contains("--admin-listen"), "{end:?}");
}

/// Right after the end of one gateway the next one can have its address.
#[tokio::test]
async fn an_address_is_free_again_at_once() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    assert_eq!(gateway.status_for("anything").await, 200);
    let (data, admin) = (gateway.address().to_string(), super::gateway::address(&gateway.admin).to_string());
    gateway.stop().await;
    let arguments = ["serve", "--config", "flowgate.toml", "--listen", &data, "--admin-listen", &admin];
    let gateway = Gateway::from(super::program::flowgate(&home, &arguments)).await;
    assert_eq!(gateway.status_for("anything").await, 200);
}
