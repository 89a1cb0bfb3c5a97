//! Where state is kept: the folder of the configuration, or the user's data folder.

use super::program::{Finished, Home, finished, flowgate};

/// `check` of a file with `text`, with `variables` and no others but the key.
async fn check(home: &Home, text: &str, variables: &[(&str, &str)]) -> Finished {
    let file = home.write("flowgate.toml", text);
    let mut command = flowgate(home, &["check", "--json", "--config"]);
    command.arg(file).env_remove("HOME").env("SILICONFLOW_API_KEY", "sk-mock").envs(variables.iter().copied());
    finished(command).await
}

#[tokio::test]
async fn the_state_folder_is_the_one_that_is_meant() {
    let home = Home::new();
    let all = [("HOME", "/h"), ("XDG_DATA_HOME", "/data")];
    let beside_the_file = home.path("state").display().to_string();
    for (text, variables, expected) in [
        ("", &all[..1], "/h/.local/share/flowgate"),
        ("", &all[..], "/data/flowgate"),
        ("[state]\ndir = \"~/state\"\n", &all[..], "/h/state"),
        ("[state]\ndir = \"/srv/state\"\nfsync = true\n", &[], "/srv/state"),
        ("[state]\ndir = \"state\"\n", &[], &beside_the_file),
    ] {
        let end = check(&home, text, variables).await;
        assert_eq!(end.json()["settings"]["state_dir"], expected, "{end:?}");
    }
}

#[tokio::test]
async fn without_a_home_it_has_to_be_named() {
    let home = Home::new();
    for (text, line) in [("", None), ("[state]\nfsync = true\n", Some(2)), ("[state]\ndir = \"~/state\"\n", Some(2))] {
        let end = check(&home, text, &[]).await;
        assert_eq!(end.code, Some(1), "{end:?}");
        let faults = end.json()["faults"].clone();
        assert_eq!((&faults[0]["line"], faults.as_array().unwrap().len()), (&line.into(), 1), "{faults}");
        let message = faults[0]["message"].as_str().unwrap();
        assert!(message.starts_with("state.dir: ") && message.contains("HOME"), "{message}");
    }
}
