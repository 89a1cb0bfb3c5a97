//! Pictures on the disk: what outlives the process, and what happens where the disk does not take them.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::gateway::{Gateway, client, emulator};
use super::program::{Home, until};

/// A picture's link.
async fn draw(gateway: &Gateway) -> String {
    let body = json!({"model": "Kwai-Kolors/Kolors", "prompt": "a cat"});
    let answer: Value = gateway.post("/images/generations", &body).send().await.unwrap().json().await.unwrap();
    answer["data"][0]["url"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Status and bytes behind a link of a gateway that may have moved to another port since.
async fn fetch(gateway: &Gateway, link: &str) -> (u16, Vec<u8>) {
    let path = link.split_once("/flowgate/").unwrap().1;
    let url = format!("http://{}/flowgate/{path}", gateway.address());
    let response = client().get(url).send().await.unwrap();
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

/// The files of a folder that are pictures.
fn pictures(home: &Home, folder: &str) -> Vec<String> {
    let names = fs::read_dir(home.path(folder)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".png")).collect();
    names.sort();
    names
}

/// Killed and started again a day later: the same link, the same bytes.
#[tokio::test]
async fn a_link_outlives_the_process_by_a_day() {
    let (home, emulator) = (Home::new(), emulator().await);
    let limits = "[media]\ndir = \"kept\"\n[account.limits.\"Kwai-Kolors/Kolors\"]\nipm = 100\n";
    let mut gateway = Gateway::before(&home, &emulator, limits).await;
    let (link, other) = (draw(&gateway).await, draw(&gateway).await);
    let before = fetch(&gateway, &link).await;
    assert_eq!(before.0, 200);
    gateway.program.signal("KILL");
    gateway.program.end().await;
    emulator.control().advance(Duration::from_secs(24 * 3600));
    // A day passes: what is kept says in its name since when. Of the other one a power cut has torn the end.
    fs::write(home.path("kept/0123.part"), b"half").unwrap();
    for name in pictures(&home, "kept") {
        let mut parts: Vec<String> = name.split('.').map(str::to_owned).collect();
        if other.contains(&parts[0]) {
            fs::OpenOptions::new().write(true).open(home.path(&format!("kept/{name}"))).unwrap().set_len(100).unwrap();
        } else {
            parts[1] = (parts[1].parse::<u64>().unwrap() - 24 * 3600).to_string();
            fs::rename(home.path(&format!("kept/{name}")), home.path(&format!("kept/{}", parts.join(".")))).unwrap();
        }
    }
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    assert!(fetch(&gateway, &link).await == before);
    assert_eq!(fetch(&gateway, &other).await.0, 404);
    assert_eq!((pictures(&home, "kept").len(), home.path("kept/0123.part").exists()), (1, false));
    assert_eq!(gateway.metric("flowgate_media_files").await, 1.0);
}

/// The answer is given all the same, with a link that says it will die, and the operator is told.
#[tokio::test]
async fn a_disk_that_takes_nothing_costs_no_answer() {
    let (home, emulator) = (Home::new(), emulator().await);
    let limits = "[media]\ndir = \"kept\"\n[account.limits.\"Kwai-Kolors/Kolors\"]\nipm = 100\n";
    let gateway = Gateway::before(&home, &emulator, limits).await;
    fs::rename(home.path("kept"), home.path("away")).unwrap();
    let body = json!({"model": "Kwai-Kolors/Kolors", "prompt": "a cat"});
    let response = gateway.post("/images/generations", &body).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-flowgate-edits"]),
        (200, &"image-size, upstream-url".parse().unwrap())
    );
    let answer: Value = response.json().await.unwrap();
    assert!(answer["data"][0]["url"].as_str().unwrap().contains("/temporary/"), "{answer}");
    let base64 = json!({"model": "Kwai-Kolors/Kolors", "prompt": "a cat", "response_format": "b64_json"});
    let answer: Value = gateway.post("/images/generations", &base64).send().await.unwrap().json().await.unwrap();
    assert!(answer["data"][0]["b64_json"].as_str().unwrap().starts_with("iVBORw0KGgo"), "{answer}");
    let ready = gateway.admin("/readyz").await;
    assert_eq!(ready.status(), 200);
    assert!(ready.text().await.unwrap().contains("pictures and videos are not kept"));
    fs::rename(home.path("away"), home.path("kept")).unwrap();
    let link = draw(&gateway).await;
    assert_eq!(fetch(&gateway, &link).await.0, 200);
    until("it is well again", async || {
        (!gateway.admin("/readyz").await.text().await.unwrap().contains("pictures")).then_some(())
    })
    .await;
}

/// Two gateways would remove each other's drafts.
#[tokio::test]
async fn a_folder_belongs_to_one_gateway() {
    let (home, emulator) = (Home::new(), emulator().await);
    let _first = Gateway::before(&home, &emulator, "[media]\ndir = \"kept\"\n").await;
    let config = super::gateway::config(&home, &emulator, "[state]\ndir = \"other\"\n[media]\ndir = \"kept\"\n");
    home.write("second.toml", &config);
    let command = super::program::flowgate(
        &home,
        &["serve", "--config", "second.toml", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
    );
    let end = super::program::finished(command).await;
    assert_eq!(end.code, Some(1));
    assert!(end.stderr.contains("another flowgate"), "{}", end.stderr);
}
