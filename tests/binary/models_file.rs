//! A catalogue of the operator's own: a file in place of the built-in one, and single models in the configuration.

use super::gateway::{Gateway, config, emulator};
use super::program::{Finished, Home, finished, flowgate, repository, until};

async fn check(home: &Home) -> Finished {
    let mut command = flowgate(home, &["check", "--config", "flowgate.toml"]);
    command.env("SILICONFLOW_API_KEY", "sk-mock");
    finished(command).await
}

fn built_in() -> String {
    std::fs::read_to_string(repository("config/models.toml")).unwrap()
}

/// `check` refuses the configuration with lines that have these words, and no others.
async fn refused(home: &Home, text: &str, expected: &[&str]) {
    home.write("flowgate.toml", text);
    let end = check(home).await;
    assert_eq!((end.code, end.stdout.lines().count()), (Some(1), expected.len()), "{}", end.stdout);
    for words in expected {
        assert!(end.stdout.lines().any(|line| line.contains(words)), "{words} is not in\n{}", end.stdout);
    }
}

#[tokio::test]
async fn all_faults_of_a_file_come_at_once_and_name_it() {
    let home = Home::new();
    let text = built_in()
        .replacen("price_in = 5.0 ", "price_in = 5.0000001 ", 1)
        .replacen("price_out = 10.8 ", "pirce_out = 10.8 ", 1)
        .replacen("id = \"Qwen/Qwen3-14B\"", "id = \"Qwen/Qwen3-8B\"", 1)
        .replacen("kind = \"asr\"", "kind = \"hearing\"", 1)
        .replacen("min_cny = 200 ", "min_cny = 300 ", 1)
        .replacen("tpm = 40000 ", "tps = 40000 ", 1);
    home.write("data/models.toml", &text);
    let expected = [
        "flowgate.toml:2: models.catalogue: data/models.toml:",
        "LongCat-2.0: prices are decimals",
        "unknown name `pirce_out`; did you mean `price_out`?",
        "Qwen/Qwen3-8B stands there twice",
        "hearing",
        "[[tiers.level]] must be",
    ];
    refused(&home, "[models]\ncatalogue = \"data/models.toml\"\n", &expected).await;
    let line = text.lines().position(|line| line.starts_with("pirce_out")).unwrap() + 1;
    let end = check(&home).await;
    assert!(end.stdout.contains(&format!("data/models.toml:{line}: ")), "{}", end.stdout);
}

#[tokio::test]
async fn a_substitute_that_is_gone_too_is_found() {
    let home = Home::new();
    let text = built_in().replacen("substitute = \"Qwen/Qwen3-32B\"", "substitute = \"Qwen/Qwen3-33B\"", 1);
    home.write("models.toml", &text);
    let words = "Qwen/QwQ-32B: its substitute `Qwen/Qwen3-33B` is not in the catalogue";
    refused(&home, "[models]\ncatalogue = \"models.toml\"\n", &[words]).await;
    let gone = "[models.override.\"Qwen/Qwen3-32B\"]\nstatus = \"gone\"\n";
    refused(&home, gone, &["models.override: Qwen/QwQ-32B: its substitute `Qwen/Qwen3-32B` is not served either"])
        .await;
}

#[tokio::test]
async fn files_that_are_none_are_named() {
    let home = Home::new();
    refused(
        &home,
        "[models]\ncatalogue = \"absent.toml\"\n",
        &["flowgate.toml:2: models.catalogue: cannot read absent.toml"],
    )
    .await;
    home.write("models.toml", "model = [\n");
    refused(&home, "[models]\ncatalogue = \"models.toml\"\n", &["models.toml:"]).await;
    home.write("models.toml", "");
    let missing = ["there is no [tiers]", "there is no [defaults]", "there is no [[model]]"];
    refused(&home, "[models]\ncatalogue = \"models.toml\"\n", &missing).await;
}

#[tokio::test]
async fn every_override_that_cannot_be_has_a_line() {
    let text = "[models]\nunknown = \"maybe\"\nrefresh = \"soon\"\n[models.override.\"acme/new\"]\nfree = true\n\
        [models.override.\"Qwen/Qwen3-8B\"]\nprice_in = 1.0\n[models.override.\"Qwen/Qwen3-14B\"]\nprice_in = -1\npirce_out = 2\n\
        [models.override.\"Qwen/Qwen3-32B\"]\nkind = \"chatty\"\n";
    let expected = [
        ":2: models.unknown: must be one of \"pass\", \"refuse\"",
        ":3: models.refresh: `soon` is not a duration",
        ":4: models.override: acme/new is new and needs a `kind`",
        ":6: models.override: Qwen/Qwen3-8B is free and has a price",
        ":8: models.override: Qwen/Qwen3-14B: prices are decimals",
        ":10: models.override.\"Qwen/Qwen3-14B\".pirce_out: unknown name; did you mean `price_out`?",
        ":12: models.override: unknown variant `chatty`",
    ];
    refused(&Home::new(), text, &expected).await;
}

/// What the catalogue says, and the limits that follow, change without a restart.
#[tokio::test]
async fn a_changed_catalogue_is_in_force_at_once() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("models.toml", &built_in());
    let file = config(&home, &emulator, "").replace("[models]\n", "[models]\ncatalogue = \"models.toml\"\n");
    home.write("flowgate.toml", &file);
    let gateway = Gateway::start(&home, &["--config", "flowgate.toml"]).await;
    let known = async |id: &str| {
        let answer = gateway.get(&format!("/models/{id}")).send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<serde_json::Value>(&answer).unwrap()["flowgate"].clone()
    };
    assert_eq!(known("Qwen/Qwen3-14B").await["price"]["input_per_million"], "0.50");
    let row = "id = \"Qwen/Qwen3-14B\"\nkind = \"chat\"\nfree = false                # CSV\nprice_in = 0.5 ";
    assert!(built_in().contains(row));
    home.replace("models.toml", &built_in().replacen(row, &row.replace("0.5 ", "0.75 "), 1));
    until("the new price", async || {
        (known("Qwen/Qwen3-14B").await["price"]["input_per_million"] == "0.75").then_some(())
    })
    .await;
    // A file with faults changes nothing.
    home.replace("models.toml", "nothing = 1\n");
    gateway.reloaded("refused").await;
    assert_eq!(known("Qwen/Qwen3-14B").await["price"]["input_per_million"], "0.75");
    let more = "[models.override.\"Qwen/Qwen3-14B\"]\nprice_in = 0.1\nprice_out = 0.2\ncontext = 4096\n\
        [models.override.\"Qwen/Qwen3-8B\"]\nfree = false\n";
    home.replace("flowgate.toml", &config(&home, &emulator, more));
    until("the override", async || (known("Qwen/Qwen3-14B").await["context"] == 4096).then_some(())).await;
    assert_eq!(known("Qwen/Qwen3-14B").await["price"]["output_per_million"], "0.20");
    let paid = known("Qwen/Qwen3-8B").await;
    assert_eq!((&paid["free"], &paid["price"]), (&false.into(), &serde_json::Value::Null));
    gateway.stop().await;
}

/// A model that only the configuration knows has its limits, and its price is charged.
#[tokio::test]
async fn a_model_of_ones_own_is_a_model_like_others() {
    let home = Home::new();
    home.write("flowgate.toml", "[models.override.\"acme/new\"]\nkind = \"embedding\"\nprice_in = 0.3\n");
    let end = super::program::run(&home, &["models", "show", "acme/new", "--json", "--config", "flowgate.toml"]).await;
    let model = end.json();
    assert_eq!((&model["kind"], &model["status"]), (&"embedding".into(), &"listed".into()));
    assert_eq!((&model["price"]["input_per_million"], &model["limits"]["tpm"]), (&"0.30".into(), &500_000.into()));
}
