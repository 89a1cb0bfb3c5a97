//! `flowgate models`: what there is, what it costs, and what SiliconFlow lists otherwise.

use serde_json::{Value, json};

use super::gateway::{ANYWHERE, Gateway, PLAIN, config, emulator};
use super::program::{Finished, Home, run, until};

async fn models(home: &Home, arguments: &[&str]) -> Finished {
    run(home, &[&["models"], arguments, &ANYWHERE[..]].concat()).await
}

fn data(end: &Finished) -> Vec<Value> {
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
    end.json()["data"].as_array().unwrap().clone()
}

fn of<'a>(models: &'a [Value], id: &str) -> &'a Value {
    models.iter().find(|model| model["id"] == id).unwrap_or_else(|| panic!("no {id}"))
}

/// No file, no key, no network.
#[tokio::test]
async fn every_model_is_shown_without_a_configuration() {
    let home = Home::new();
    let all = data(&models(&home, &["--json"]).await);
    assert!(all.len() > 150);
    let chat = of(&all, PLAIN);
    assert_eq!((&chat["kind"], &chat["free"], &chat["status"]), (&json!("chat"), &json!(true), &json!("listed")));
    assert_eq!(of(&all, "deepseek-ai/DeepSeek-V3.2")["price"]["output_per_million"], "6.00");
    assert_eq!(of(&all, "Qwen/QwQ-32B")["substitute"], "Qwen/Qwen3-32B");
    let table = models(&home, &[]).await;
    assert_eq!((table.code, table.stdout.lines().count()), (Some(0), all.len() + 1), "{table:?}");
    let line = table.stdout.lines().find(|line| line.starts_with("deepseek-ai/DeepSeek-V3.2 ")).unwrap();
    for cell in ["chat", "4.00/6.00", "163840", "1000/50000", "listed"] {
        assert!(line.split_whitespace().any(|own| own == cell), "{cell} is not in {line}");
    }
    // What no source states is marked, wherever it is shown.
    let line = table.stdout.lines().find(|line| line.starts_with("Qwen/Qwen3.5-4B ")).unwrap();
    assert!(line.contains("~1000/~50000") && line.contains(" free "), "{line}");
}

#[tokio::test]
async fn what_is_shown_can_be_cut() {
    let home = Home::new();
    let free = data(&models(&home, &["--free", "--json"]).await);
    assert!(free.len() > 10 && free.iter().all(|model| model["free"] == true));
    let paid = data(&models(&home, &["--paid", "--json"]).await);
    assert!(paid.iter().all(|model| model["free"] == false));
    assert_eq!(free.len() + paid.len(), data(&models(&home, &["--json"]).await).len());
    let found = data(&models(&home, &["--kind", "embedding", "--free", "BGE-M", "--json"]).await);
    assert_eq!(found.iter().map(|model| model["id"].as_str().unwrap()).collect::<Vec<_>>(), ["BAAI/bge-m3"]);
    let none = models(&home, &["no-such-model"]).await;
    assert!(none.code == Some(0) && none.stdout.contains("No model is like that"), "{none:?}");
}

#[tokio::test]
async fn one_model_is_shown_in_full() {
    let home = Home::new();
    home.write("flowgate.toml", "[models.alias]\n\"cheap\" = \"Qwen/Qwen3-8B\"\n");
    let plain = models(&home, &["show", "deepseek-ai/DeepSeek-V4-Flash"]).await;
    assert_eq!(plain.code, Some(0), "{plain:?}");
    for words in ["deepseek-ai/DeepSeek-V4-Flash\n", "  kind: chat\n", "hours: 02:00-08:00\n", "  thinking: effort\n"] {
        assert!(plain.stdout.contains(words), "{words} is not in {}", plain.stdout);
    }
    let alias = models(&home, &["show", "cheap", "--json", "--config", "flowgate.toml"]).await;
    assert_eq!(alias.json()["id"], PLAIN);
    let wrong = models(&home, &["show", "qwen3-8b"]).await;
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(1), ""));
    assert!(wrong.stderr.contains("did you mean Qwen/Qwen3-8B"), "{wrong:?}");
}

/// The tier of the configuration sets the limits that are shown.
#[tokio::test]
async fn limits_are_those_of_the_tier() {
    let home = Home::new();
    home.write("flowgate.toml", "[[account]]\nname = \"main\"\napi_key = { env = \"NOT_SET\" }\ntier = \"L5\"\n");
    let all = data(&models(&home, &["--json", "--config", "flowgate.toml"]).await);
    assert_eq!(of(&all, "Qwen/Qwen3-14B")["limits"], json!({"rpm": 10_000, "tpm": 5_000_000}));
    assert_eq!(of(&all, PLAIN)["limits"], json!({"rpm": 1_000, "tpm": 50_000}));
}

#[tokio::test]
async fn nothing_is_free_elsewhere() {
    let home = Home::new();
    home.write(
        "flowgate.toml",
        "[upstream]\nbase_url = \"https://api.siliconflow.com/v1\"\n[models.override.\"BAAI/bge-m3\"]\nfree = true\n",
    );
    let free = data(&models(&home, &["--free", "--json", "--config", "flowgate.toml"]).await);
    assert_eq!(free.iter().map(|model| model["id"].as_str().unwrap()).collect::<Vec<_>>(), ["BAAI/bge-m3"]);
}

#[tokio::test]
async fn the_emulator_lists_what_the_catalogue_has() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("flowgate.toml", &config(&home, &emulator, ""));
    let same = models(&home, &["diff", "--config", "flowgate.toml"]).await;
    assert!(same.code == Some(0) && same.stdout.starts_with("0 new, 0 gone, 0 renamed, "), "{same:?}");
    let more = "[models.override.\"acme/one\"]\nkind = \"chat\"\n[models.override.\"acme/bge-m3\"]\nkind = \"embedding\"\n\
        [models.override.\"BAAI/bge-m3\"]\nstatus = \"gone\"\nsubstitute = \"acme/bge-m3\"\nfree = false\n\
        [models.override.\"netease-youdao/bce-embedding-base_v1\"]\nfree = false\n\
        [models.override.\"Qwen/QwQ-32B\"]\nstatus = \"listed\"\n[models.override.\"THUDM/GLM-4-32B-0414\"]\nstatus = \"gone\"\n";
    home.write("flowgate.toml", &config(&home, &emulator, more));
    let other = models(&home, &["diff", "--config", "flowgate.toml"]).await;
    assert_eq!(other.code, Some(1), "{other:?}");
    for line in
        ["+ THUDM/GLM-4-32B-0414", "- acme/one", "~ acme/bge-m3 -> BAAI/bge-m3", "~ Qwen/QwQ-32B -> Qwen/Qwen3-32B"]
    {
        assert!(other.stdout.lines().any(|own| own == line), "{line} is not in {}", other.stdout);
    }
    let json = models(&home, &["diff", "--json", "--config", "flowgate.toml"]).await;
    assert_eq!((json.code, &json.json()["new"]), (Some(1), &json!(["THUDM/GLM-4-32B-0414"])));
    assert_eq!(json.json()["renamed"][1], json!({"from": "acme/bge-m3", "to": "BAAI/bge-m3"}));
}

#[tokio::test]
async fn trouble_has_a_code_of_its_own() {
    let home = Home::new();
    let file = "[upstream]\nbase_url = \"http://127.0.0.1:9/v1\"\n[[account]]\nname = \"main\"\napi_key = { file = \"key\" }\n";
    home.write("flowgate.toml", file);
    home.write("key", "sk-x\n");
    for arguments in
        [&["diff", "--config", "flowgate.toml"][..], &["diff", "--offline"], &["diff", "--config", "absent.toml"]]
    {
        let end = models(&home, arguments).await;
        assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{end:?}");
        assert!(end.stderr.starts_with("flowgate: "), "{end:?}");
    }
}

/// `serve` keeps the list; the next one has it from its first moment on, and `diff --offline` compares with it.
#[tokio::test]
async fn the_list_outlives_the_gateway() {
    let (home, emulator) = (Home::new(), emulator().await);
    let file = config(&home, &emulator, "").replace("refresh = \"0s\"", "refresh = \"1h\"");
    home.write("flowgate.toml", &file);
    let start = async || Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    let gateway = start().await;
    until("the list", async || (gateway.metric("flowgate_models_listed").await > 80.0).then_some(())).await;
    gateway.stop().await;
    let offline = models(&home, &["diff", "--offline", "--config", "flowgate.toml"]).await;
    assert_eq!(offline.code, Some(0), "{offline:?}");
    drop(emulator);
    let gateway = start().await;
    assert!(gateway.metric("flowgate_models_listed").await > 80.0);
    let answer = gateway.get("/models").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-flowgate-list"]), (200, &"kept".parse().unwrap()));
    gateway.stop().await;
}

#[tokio::test]
async fn another_upstream_has_another_list() {
    let (home, emulator) = (Home::new(), emulator().await);
    let file = config(&home, &emulator, "").replace("refresh = \"0s\"", "refresh = \"1h\"");
    home.write("flowgate.toml", &file);
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    until("the list", async || (gateway.metric("flowgate_models_listed").await > 80.0).then_some(())).await;
    home.replace("flowgate.toml", &file.replace(&emulator.base_url(), "http://127.0.0.1:9/v1"));
    until("no list", async || (gateway.metric("flowgate_models_listed").await == 0.0).then_some(())).await;
    home.replace("flowgate.toml", &file);
    until("the list again", async || (gateway.metric("flowgate_models_listed").await > 80.0).then_some(())).await;
    gateway.stop().await;
}

/// A kept list that is torn, or of another upstream, is as good as none.
#[tokio::test]
async fn a_kept_list_that_is_none_stops_nothing() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("flowgate.toml", &config(&home, &emulator, ""));
    for text in
        ["", "{\"base_url\":", "{\"base_url\":\"http://other/v1\",\"fetched\":1,\"list\":{\"data\":[{\"id\":\"a\"}]}}"]
    {
        home.write(".local/share/flowgate/models.note", text);
        let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
        assert_eq!(gateway.metric("flowgate_models_listed").await, 0.0, "{text}");
        assert_eq!(gateway.status_for("anything").await, 200);
        gateway.stop().await;
    }
}
