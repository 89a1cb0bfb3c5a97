//! The admin API: keys and teams over HTTP, behind the operator's token, as its document describes it.

use std::collections::BTreeSet;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::gateway::{ANYWHERE, Gateway, client, emulator};
use super::keys::create;
use super::program::{Home, flowgate};

const TOKEN: &str = "operator-canary-0123456789";

async fn gateway(home: &Home) -> (flowgate::mock::MockServer, Gateway) {
    let emulator = emulator().await;
    home.write("admin.token", TOKEN);
    home.write("cy.key", "sk-cy");
    let more = "rule = \"off\"\n[admin]\ntoken = { file = \"admin.token\" }\n\
        [[key]]\nname = \"cy\"\nsecret = { file = \"cy.key\" }\n[[team]]\nname = \"ops\"";
    let gateway = Gateway::before(home, &emulator, more).await;
    (emulator, gateway)
}

async fn ask(gateway: &Gateway, method: &str, path: &str, body: Option<Value>) -> Response {
    let method: Method = method.to_uppercase().parse().unwrap();
    let request = client().request(method, format!("{}{path}", gateway.admin)).bearer_auth(TOKEN);
    match body {
        Some(body) => request.json(&body),
        None => request,
    }
    .send()
    .await
    .unwrap()
}

/// Status and object.
async fn got(gateway: &Gateway, method: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = ask(gateway, method, path, Some(body).filter(|body| !body.is_null())).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_key_lives_its_life_over_http() {
    let home = Home::new();
    let (_emulator, gateway) = gateway(&home).await;
    let (status, ann) = got(&gateway, "post", "/api/keys", json!({"name": "ann", "rpm": 600, "tags": ["x"]})).await;
    assert_eq!((status, &ann["state"], &ann["fields"]), (201, &"active".into(), &json!({"rpm": 600, "tags": ["x"]})));
    let first = ann["secret"].as_str().unwrap().to_owned();
    gateway.answers(&first, 200).await;
    let (_, rotated) = got(&gateway, "post", "/api/keys/ann/rotate", json!({"overlap": "0s"})).await;
    let second = rotated["secret"].as_str().unwrap().to_owned();
    gateway.answers(&second, 200).await;
    assert_eq!(gateway.status_for(&first).await, 401);
    let (status, edited) =
        got(&gateway, "patch", "/api/keys/ann", json!({"rpm": null, "endpoints": ["/embeddings"]})).await;
    assert_eq!((status, &edited["fields"]), (200, &json!({"endpoints": ["/embeddings"], "tags": ["x"]})));
    gateway.answers(&second, 403).await;
    let (_, list) = got(&gateway, "get", "/api/keys", Value::Null).await;
    assert_eq!((list["object"].as_str(), list["data"].as_array().unwrap().len()), (Some("list"), 2));
    assert!(!list.to_string().contains(&second[..16]) && list.to_string().contains(&second[..11]));
    assert_eq!(got(&gateway, "delete", "/api/keys/ann", Value::Null).await.1["state"], "revoked");
    gateway.answers(&second, 401).await;
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_in_full() {
    let home = Home::new();
    let (_emulator, gateway) = gateway(&home).await;
    let wrong = json!({"name": "b b", "rpm": "5", "nmae": 1, "budget_per_day": "5"});
    let (status, error) = got(&gateway, "post", "/api/keys", wrong).await;
    assert_eq!((status, &error["error"]["code"]), (400, &"invalid_fields".into()));
    assert_eq!(error["error"]["faults"].as_array().unwrap().len(), 4, "{error}");
    let cases = [
        ("post", "/api/keys", json!({"rpm": 5}), 400, "invalid_fields"),
        ("post", "/api/keys", json!(["sk-canary"]), 400, "invalid_body"),
        ("post", "/api/keys", json!({"name": "cy"}), 409, "in_the_file"),
        ("patch", "/api/keys/cy", json!({"rpm": 5}), 409, "in_the_file"),
        ("patch", "/api/keys/nobody", json!({"rpm": 5}), 404, "not_found"),
        ("get", "/api/keys/a%2Fb", Value::Null, 404, "not_found"),
        ("post", "/api/keys/cy/rotate", json!({"overlap": "soon"}), 400, "invalid_fields"),
        ("patch", "/api/teams/ops", json!({"models": null}), 409, "in_the_file"),
        ("patch", "/api/teams/ml", json!({"rpm": 5}), 400, "invalid_fields"),
        ("delete", "/api/teams/ml", Value::Null, 404, "not_found"),
        ("get", "/api/nothing", Value::Null, 404, "unknown_url"),
        ("put", "/api/keys", Value::Null, 405, "method_not_allowed"),
    ];
    for (method, path, body, status, code) in cases {
        let (seen, error) = got(&gateway, method, path, body).await;
        assert_eq!((seen, error["error"]["code"].as_str()), (status, Some(code)), "{method} {path}: {error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn nobody_comes_in_without_the_token() {
    let home = Home::new();
    let (_emulator, gateway) = gateway(&home).await;
    let ann = create(&home, "ann", &[]).await;
    gateway.answers(&ann, 200).await;
    let url = format!("{}/api/keys", gateway.admin);
    let status = async |token: &str| client().get(&url).bearer_auth(token).send().await.unwrap().status().as_u16();
    assert_eq!(client().get(&url).send().await.unwrap().status(), 401);
    // A page elsewhere is not let in with it, and is told nothing by which a browser would let it read.
    let page = client().get(&url).bearer_auth(TOKEN).header("origin", "https://evil.example").send().await.unwrap();
    assert!(page.status() == 403 && !page.headers().contains_key("access-control-allow-origin"));
    assert_eq!(status(TOKEN).await, 200);
    assert_eq!(status(&ann).await, 401, "a virtual key is no token");
    for _ in 0..9 {
        assert_eq!(status(&TOKEN[1..]).await, 401);
    }
    let barred = client().get(&url).bearer_auth("wrong").send().await.unwrap();
    assert!(barred.status() == 429 && barred.headers().contains_key("retry-after"));
    assert_eq!(status(TOKEN).await, 429, "a token may be guessed, so even the right one waits");
    assert_eq!(gateway.status_for(&ann).await, 200);
    assert_eq!(gateway.metric("flowgate_logins_throttled_total{plane=\"admin\"}").await, 2.0);
    gateway.stop().await;
}

#[tokio::test]
async fn without_a_configured_token_it_is_shut_and_says_how_to_open_it() {
    let (home, emulator) = (Home::new(), emulator().await);
    let gateway = Gateway::before(&home, &emulator, "").await;
    let answer = ask(&gateway, "get", "/api/keys", None).await;
    assert_eq!(answer.status(), 403);
    assert!(answer.text().await.unwrap().contains("[admin] token = { env"));
    for path in ["/metrics", "/healthz", "/readyz", "/limits", "/live"] {
        assert_eq!(gateway.admin(path).await.status(), 200, "{path}");
    }
    gateway.stop().await;
}

/// The token can be changed while running.
#[tokio::test]
async fn a_new_token_is_in_force_as_soon_as_its_file_changes() {
    let home = Home::new();
    let (_emulator, gateway) = gateway(&home).await;
    home.replace("admin.token", "another-operator-token");
    gateway.reloaded("ok").await;
    assert_eq!(ask(&gateway, "get", "/api/keys", None).await.status(), 401);
    assert_eq!(gateway.admin_with("/api/keys", "another-operator-token").await.status(), 200);
    gateway.stop().await;
}

/// A demo without a folder has keys of its file only, and says so.
#[tokio::test]
async fn a_demo_without_a_folder_keeps_no_keys() {
    let home = Home::new();
    home.write("admin.token", TOKEN);
    home.write("flowgate.toml", "[admin]\ntoken = { file = \"admin.token\" }\n");
    let mut command = flowgate(&home, &[&["serve", "--demo", "--config", "flowgate.toml"], &ANYWHERE[..]].concat());
    command.env("TMPDIR", home.path("nowhere"));
    let gateway = Gateway::from(command).await;
    assert_eq!(got(&gateway, "post", "/api/keys", json!({"name": "ann"})).await.0, 409);
    assert_eq!(got(&gateway, "get", "/api/keys", Value::Null).await.1["data"], json!([]));
    gateway.stop().await;
}

/// Every operation of the document is called as it says, and answers as it says.
#[tokio::test]
async fn the_document_is_true() {
    let home = Home::new();
    let (_emulator, gateway) = gateway(&home).await;
    let document: Value = ask(&gateway, "get", "/api/openapi.json", None).await.json().await.unwrap();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        // Those that take something away come last.
        let mut operations: Vec<_> = operations.as_object().unwrap().iter().collect();
        operations
            .sort_by_key(|(method, _)| ["get", "post", "patch", "delete"].iter().position(|known| known == method));
        for (method, operation) in operations {
            described.insert((method.clone(), path.clone()));
            let content = &operation["requestBody"]["content"]["application/json"];
            let example = Some(content["example"].clone()).filter(|example| !example.is_null());
            let path = path.replace("{name}", "ann");
            let answer = ask(&gateway, method, &path, example.clone()).await;
            let status = answer.status().as_u16();
            let response = &operation["responses"][status.to_string()];
            assert!(response.is_object(), "{method} {path}: {status} is not described");
            let kind = answer.headers()["content-type"].to_str().unwrap().split(';').next().unwrap().to_owned();
            let schema = &response["content"][&kind]["schema"];
            assert!(schema.is_object(), "{method} {path}: {kind} is not described");
            if kind == "application/json" {
                check(&document, schema, &answer.json().await.unwrap(), &format!("{method} {path} {status}"));
            }
            if let Some(example) = example {
                check(&document, &content["schema"], &example, &format!("{method} {path}: its example"));
            }
            if operation["security"] != json!([]) {
                let method = method.to_uppercase().parse::<Method>().unwrap();
                let url = format!("{}{path}", gateway.admin);
                assert_eq!(client().request(method, url).send().await.unwrap().status(), 401, "{path}");
            }
        }
    }
    let routes: BTreeSet<_> =
        flowgate::admin::routes().into_iter().map(|(method, path)| (method.to_owned(), path)).collect();
    assert_eq!(described, routes);
    gateway.stop().await;
}

/// Whether `value` has the members that `schema` requires, and no type that it does not allow.
fn check(document: &Value, schema: &Value, value: &Value, what: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        return check(document, &document["components"]["schemas"][name], value, what);
    }
    schema["allOf"].as_array().into_iter().flatten().for_each(|part| check(document, part, value, what));
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().map(|kind| kind.as_str().unwrap()).collect(),
        _ => vec![kind],
    };
    let is_allowed = allowed.contains(&kind) || kind == "integer" && allowed.contains(&"number");
    assert!(is_allowed, "{what}: {value} is no {allowed:?}");
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{what}: no {name} in {value}");
    }
    if let (Some(properties), Some(members)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, member) in members {
            match properties.get(name) {
                Some(schema) => check(document, schema, member, &format!("{what}: {name}")),
                None => assert_ne!(schema["additionalProperties"], false, "{what}: {name} is not described"),
            }
        }
    }
    for item in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        check(document, &schema["items"], item, what);
    }
}

/// The fields that the document knows are those that there are.
#[tokio::test]
async fn the_document_has_every_field() {
    let home = Home::new();
    let (_emulator, gateway) = gateway(&home).await;
    let document: Value = ask(&gateway, "get", "/api/openapi.json", None).await.json().await.unwrap();
    let described = |name: &str| -> BTreeSet<String> {
        document["components"]["schemas"][name]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let known = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(described("KeyFields"), known(&flowgate::server::KEY_FIELDS));
    assert_eq!(described("TeamFields"), known(&flowgate::server::TEAM_FIELDS));
    gateway.stop().await;
}
