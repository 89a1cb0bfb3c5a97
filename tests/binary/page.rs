//! The page on the admin plane as a browser gets it: what there is, with which headers, and to whom.

use reqwest::Response;

use super::gateway::{Gateway, client};
use super::program::{Home, flowgate};

/// What Chromium sends when somebody opens an address.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

async fn get(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = client().get(format!("{}{path}", gateway.admin));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn browsers_get_the_page_and_others_a_line() {
    let home = Home::new();
    let gateway = Gateway::start(&home, &["--demo"]).await;
    let page = get(&gateway, "/", &[("accept", BROWSER)]).await;
    assert_eq!((page.status().as_u16(), header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text().await.unwrap().starts_with("<!doctype html>"));
    for accept in [&[][..], &[("accept", "*/*")], &[("accept", "application/json")]] {
        let line = get(&gateway, "/", accept).await;
        assert_eq!((header(&line, "content-type"), header(&line, "vary")), ("text/plain; charset=utf-8", "accept"));
        let line = line.text().await.unwrap();
        assert!(line.contains("/metrics") && line.lines().count() == 1, "{line}");
    }
    let none = get(&gateway, "/page/none.js", &[]).await;
    assert_eq!((none.status().as_u16(), header(&none, "content-type")), (404, "text/plain; charset=utf-8"));
    gateway.stop().await;
}

/// Nothing that is written into the page runs, nothing asks another host, and nobody puts it into a frame.
#[tokio::test]
async fn every_file_has_headers_that_shut_it_in() {
    let home = Home::new();
    let gateway = Gateway::start(&home, &["--demo"]).await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
        ("/page/page.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
        ("/page/uplot.txt", "text/plain; charset=utf-8"),
    ] {
        let file = get(&gateway, path, &[("accept", BROWSER)]).await;
        let policy: Vec<&str> = header(&file, "content-security-policy").split("; ").collect();
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(&rule), "{path}: {rule} is not in {policy:?}");
        }
        assert!(!policy.join(" ").contains("unsafe"), "{policy:?}");
        for (name, value) in [
            ("content-type", kind),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(header(&file, name), value, "{path}: {name}");
        }
        assert!(header(&file, "permissions-policy").contains("camera=()"));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    let home = Home::new();
    let gateway = Gateway::start(&home, &["--demo"]).await;
    let (script, style) = (get(&gateway, "/page/main.js", &[]).await, get(&gateway, "/page/page.css", &[]).await);
    let etag = header(&script, "etag").to_owned();
    assert_ne!(etag, header(&style, "etag"));
    let again = get(&gateway, "/page/main.js", &[("if-none-match", &etag)]).await;
    assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, etag.as_str()));
    assert_eq!(again.text().await.unwrap(), "");
    let other = get(&gateway, "/page/main.js", &[("if-none-match", header(&style, "etag"))]).await;
    assert_eq!(other.status(), 200);
    gateway.stop().await;
}

/// A page of another site that lets its name lead here must not read figures, nor be the page.
#[tokio::test]
async fn foreign_names_and_pages_get_nothing() {
    let home = Home::new();
    let gateway = Gateway::start(&home, &["--demo"]).await;
    for path in ["/", "/page/main.js", "/limits", "/metrics", "/api/keys"] {
        for foreign in [("host", "evil.example"), ("origin", "https://evil.example")] {
            let refused = get(&gateway, path, &[("accept", BROWSER), foreign]).await;
            assert_eq!(refused.status(), 403, "{path} {foreign:?}");
        }
    }
    gateway.stop().await;
}

/// The demo's address opens everything; a gateway of somebody's own tells no token.
#[tokio::test]
async fn the_greeting_leads_to_the_page() {
    let home = Home::new();
    let mut demo = Gateway::start(&home, &["--demo"]).await;
    demo.program.line_with("Ctrl-C").await;
    let greeting = demo.program.stdout();
    let address = greeting.lines().find_map(|line| line.trim().strip_prefix("page ")).unwrap().trim();
    let (page, token) = address.split_once("#token=").unwrap();
    assert_eq!(page, format!("{}/", demo.admin));
    assert_eq!(demo.admin_with("/api/keys", token).await.status(), 200);
    assert_eq!(demo.admin("/api/keys").await.status(), 401);
    demo.program.signal("TERM");
    assert_eq!(demo.program.end().await.0, Some(0));
    let log = demo.program.stderr();
    assert!(!log.contains(token), "{log}");

    let emulator = super::gateway::emulator().await;
    let mut own = Gateway::before(&home, &emulator, "").await;
    own.program.line_with("Ctrl-C").await;
    let greeting = own.program.stdout();
    assert!(greeting.contains(&format!("page       {}/\n", own.admin)), "{greeting}");
    assert_eq!(own.admin("/api/keys").await.status(), 403);
    own.stop().await;
}

/// A token of the configuration is the demo's too, and is not printed.
#[tokio::test]
async fn a_demo_keeps_the_token_of_its_file() {
    let home = Home::new();
    home.write("admin.token", "operator-canary-0123456789");
    home.write("flowgate.toml", "[admin]\ntoken = { file = \"admin.token\" }\n");
    let mut demo = Gateway::start(&home, &["--demo", "--config", "flowgate.toml"]).await;
    demo.program.line_with("Ctrl-C").await;
    assert!(!demo.program.stdout().contains("token="), "{}", demo.program.stdout());
    assert_eq!(demo.admin_with("/api/keys", "operator-canary-0123456789").await.status(), 200);
    demo.stop().await;
}

/// What a demo keeps is gone with it: keys and rows lie in a folder of their own, and nowhere else.
#[tokio::test]
async fn a_demo_leaves_nothing_behind() {
    let home = Home::new();
    std::fs::create_dir(home.path("temporary")).unwrap();
    let mut command = flowgate(&home, &[&["serve", "--demo"], &super::gateway::ANYWHERE[..]].concat());
    command.env("TMPDIR", home.path("temporary"));
    let mut demo = Gateway::from(command).await;
    assert_eq!(demo.status_for("anything").await, 200);
    let made: Vec<_> = std::fs::read_dir(home.path("temporary")).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(made.len(), 1, "{made:?}");
    assert!(made[0].path().join("flowgate.db").exists());
    demo.program.signal("TERM");
    assert_eq!(demo.program.end().await.0, Some(0));
    assert_eq!(std::fs::read_dir(home.path("temporary")).unwrap().count(), 0);
    let left: Vec<_> = std::fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["temporary"]);
}
