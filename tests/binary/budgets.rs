//! Budgets over a reload: another limit holds at once, and nothing that was spent is forgotten.

use serde_json::json;

use super::gateway::{Gateway, config, emulator};
use super::program::{Home, until};

/// A picture costs 0.10 CNY.
async fn drawn(gateway: &Gateway, most: usize) -> usize {
    let body = json!({"model": "Tongyi-MAI/Z-Image-Turbo", "prompt": "a cat", "image_size": "512x512"});
    for number in 0..most {
        match gateway.post("/images/generations", &body).send().await.unwrap().status().as_u16() {
            200 => {}
            429 => return number,
            other => panic!("{other}"),
        }
    }
    most
}

#[tokio::test]
async fn a_reload_changes_the_limit_and_forgets_nothing() {
    let (home, emulator) = (Home::new(), emulator().await);
    let settings = |budget: &str| format!("rule = \"off\"\nbudget_per_month = \"{budget}\"\n");
    let gateway = Gateway::before(&home, &emulator, &settings("0.3 CNY")).await;
    assert_eq!(drawn(&gateway, 9).await, 3);
    home.write("flowgate.toml", &config(&home, &emulator, &settings("0.5 CNY")));
    until("the new limit holds", async || (drawn(&gateway, 1).await == 1).then_some(())).await;
    assert_eq!(drawn(&gateway, 9).await, 1);
    let spent = "flowgate_budget_spent{name=\"main\",period=\"month\",scope=\"account\",unit=\"cny\"}";
    assert_eq!(gateway.metric(spent).await, 0.5);
    // Less than was spent.
    home.write("flowgate.toml", &config(&home, &emulator, &settings("0.1 CNY")));
    until("the smaller limit holds", async || {
        (gateway.metric(&spent.replace("spent", "limit")).await == 0.1).then_some(())
    })
    .await;
    assert_eq!(drawn(&gateway, 1).await, 0);
    gateway.stop().await;
}
