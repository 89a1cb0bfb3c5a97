//! Which configuration file is taken.

use std::process::Command;

use super::program::{Finished, Home, finished, flowgate};

/// Four places; each file has an address of its own to be known by.
const PLACES: [&str; 4] = ["named.toml", "by-variable.toml", "config/flowgate.toml", "xdg/flowgate/flowgate.toml"];

fn home_with(places: &[&str]) -> Home {
    let home = Home::new();
    for place in places {
        let port = 5000 + PLACES.iter().position(|known| known == place).unwrap();
        home.write(place, &format!("[server]\nlisten = \"127.0.0.1:{port}\"\n"));
    }
    home
}

fn check(home: &Home, arguments: &[&str]) -> Command {
    let mut command = flowgate(home, &[&["check"], arguments].concat());
    command.env("SILICONFLOW_API_KEY", "sk-mock").env("XDG_CONFIG_HOME", home.path("xdg"));
    command
}

fn takes(end: &Finished, place: usize) {
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.stdout.contains(PLACES[place]), "{end:?}");
    assert!(end.stdout.contains(&format!("listen: 127.0.0.1:{}", 5000 + place)), "{end:?}");
}

#[tokio::test]
async fn the_first_of_four_places_is_taken() {
    let home = home_with(&PLACES);
    let mut command = check(&home, &["--config", PLACES[0]]);
    command.env("FLOWGATE_CONFIG", PLACES[1]);
    takes(&finished(command).await, 0);
    let mut command = check(&home, &[]);
    command.env("FLOWGATE_CONFIG", PLACES[1]);
    takes(&finished(command).await, 1);
    takes(&finished(check(&home, &[])).await, 2);
    home.remove(PLACES[2]);
    takes(&finished(check(&home, &[])).await, 3);
    home.remove(PLACES[3]);
    let end = finished(check(&home, &[])).await;
    assert_eq!(end.code, Some(0));
    assert!(end.stdout.contains("the defaults hold") && end.stdout.contains("listen: 127.0.0.1:4000"), "{end:?}");
}

#[tokio::test]
async fn without_xdg_the_home_folder_is_taken() {
    let home = Home::new();
    home.write(".config/flowgate/flowgate.toml", "[server]\nlisten = \"127.0.0.1:5005\"\n");
    let mut command = check(&home, &[]);
    command.env_remove("XDG_CONFIG_HOME");
    let end = finished(command).await;
    assert!(end.stdout.contains("listen: 127.0.0.1:5005"), "{end:?}");
}

/// A file that somebody named must be there: another one is never taken in its place.
#[tokio::test]
async fn a_named_file_that_is_missing_is_refused() {
    let home = home_with(&PLACES[2..]);
    for command in ["check", "serve", "doctor"] {
        let mut by_option = flowgate(&home, &[command, "--config", "absent.toml"]);
        by_option.env("SILICONFLOW_API_KEY", "sk-mock");
        let mut by_variable = flowgate(&home, &[command]);
        by_variable.env("SILICONFLOW_API_KEY", "sk-mock").env("FLOWGATE_CONFIG", "absent.toml");
        for command in [by_option, by_variable] {
            let end = finished(command).await;
            assert_eq!(end.code, Some(1), "{end:?}");
            assert!(end.text().contains("absent.toml") && end.text().contains("--config"), "{end:?}");
        }
    }
}

#[tokio::test]
async fn addresses_of_the_command_line_win() {
    let home = home_with(&PLACES[2..]);
    let end = finished(check(&home, &["--listen", "127.0.0.1:5010", "--admin-listen", "127.0.0.1:5011"])).await;
    assert!(end.stdout.contains("listen: 127.0.0.1:5010") && end.stdout.contains("admin_listen: 127.0.0.1:5011"));
}
