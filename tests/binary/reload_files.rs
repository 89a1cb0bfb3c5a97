//! The ways in which files change: replaced as a whole, through links, as Kubernetes does.

use std::os::unix::fs::symlink;

use super::gateway::{Gateway, config, emulator};
use super::program::Home;

const ANN: &str = "[[key]]\nname = \"ann\"\nsecret = { file = \"ann.key\" }";

/// Makes `link` point to `target` in one step, as `ln -sfn` and mv do.
fn point(home: &Home, link: &str, target: &str) {
    let new = home.path(&format!("{link}_tmp"));
    symlink(target, &new).unwrap();
    std::fs::rename(new, home.path(link)).unwrap();
}

/// Many editors write beside and rename; twice, so that the second file is watched as well as the first.
#[tokio::test]
async fn a_file_that_is_replaced_is_read() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann");
    let gateway = Gateway::before(&home, &emulator, "").await;
    home.replace("flowgate.toml", &config(&home, &emulator, ANN));
    gateway.answers("sk-other", 401).await;
    home.replace("flowgate.toml", &config(&home, &emulator, ""));
    gateway.answers("sk-other", 200).await;
    home.replace("flowgate.toml", &config(&home, &emulator, ANN));
    gateway.answers("sk-other", 401).await;
}

/// Removed first, written again later: refused in between, then in force.
#[tokio::test]
async fn a_file_that_comes_back_is_read() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann");
    let gateway = Gateway::before(&home, &emulator, "").await;
    home.remove("flowgate.toml");
    gateway.reloaded("refused").await;
    assert_eq!(gateway.status_for("anything").await, 200);
    home.write("flowgate.toml", &config(&home, &emulator, ANN));
    gateway.answers("sk-other", 401).await;
    assert_eq!(gateway.metric("flowgate_config_last_reload_successful").await, 1.0);
}

/// A ConfigMap: the file is a link into `..data`, itself a link that is swapped.
#[tokio::test]
async fn a_config_map_is_swapped() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann");
    let with = |keys: &str| config(&home, &emulator, &keys.replace("ann.key", home.path("ann.key").to_str().unwrap()));
    home.write("etc/..2026_01/flowgate.toml", &with(""));
    symlink("..2026_01", home.path("etc/..data")).unwrap();
    symlink("..data/flowgate.toml", home.path("etc/flowgate.toml")).unwrap();
    let gateway = Gateway::start(&home, &["--config", "etc/flowgate.toml"]).await;
    assert_eq!(gateway.status_for("sk-other").await, 200);
    for (folder, keys, status) in [("..2026_02", ANN, 401), ("..2026_03", "", 200)] {
        home.write(&format!("etc/{folder}/flowgate.toml"), &with(keys));
        point(&home, "etc/..data", folder);
        gateway.answers("sk-other", status).await;
    }
    std::fs::remove_dir_all(home.path("etc/..2026_01")).unwrap();
    assert_eq!(gateway.reloads("refused").await, 0.0);
}

/// A Secret beside it, mounted in the same way.
#[tokio::test]
async fn a_secret_volume_is_swapped() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("keys/..1/ann", "sk-first");
    symlink("..1", home.path("keys/..data")).unwrap();
    symlink("..data/ann", home.path("keys/ann")).unwrap();
    let gateway = Gateway::before(&home, &emulator, &ANN.replace("ann.key", "keys/ann")).await;
    assert_eq!(gateway.status_for("sk-first").await, 200);
    home.write("keys/..2/ann", "sk-second");
    point(&home, "keys/..data", "..2");
    gateway.answers("sk-second", 200).await;
    assert_eq!(gateway.status_for("sk-first").await, 401);
}

/// A link into another folder (dotfiles, Nix): what it points to changes, the link itself does not.
#[tokio::test]
async fn the_target_of_a_link_is_watched() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("ann.key", "sk-ann");
    let ann = ANN.replace("ann.key", home.path("ann.key").to_str().unwrap());
    home.write("real/flowgate.toml", &config(&home, &emulator, ""));
    std::fs::create_dir(home.path("etc")).unwrap();
    symlink(home.path("real/flowgate.toml"), home.path("etc/flowgate.toml")).unwrap();
    let gateway = Gateway::start(&home, &["--config", "etc/flowgate.toml"]).await;
    assert_eq!(gateway.status_for("sk-other").await, 200);
    home.write("real/flowgate.toml", &config(&home, &emulator, &ann));
    gateway.answers("sk-other", 401).await;
}
