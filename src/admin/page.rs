//! The page that browsers get from the admin plane: its files, built into the program, with headers that let it run nothing
//! and ask nobody but this gateway. Knows nothing of what the files say; all figures come from the plane's other routes.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::{AdminState, Routes};

/// For whoever does not ask for HTML.
const LINE: &str = "flowgate admin plane: /metrics /limits /live /healthz /readyz /api/openapi.json\n";

/// What the page may do: scripts, styles, pictures and data of this gateway, nothing written into the page, no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Beside the content's own headers, on every file.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), clipboard-read=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    // Asked for again each time, and sent again only if this is another flowgate.
    (header::CACHE_CONTROL, "no-cache"),
    (header::VARY, "accept"),
];

/// A file of the page.
struct File {
    name: &'static str,
    text: &'static str,
    /// The beginning of the hash of `text`, in quotes.
    etag: HeaderValue,
}

macro_rules! files {
    ($($name:literal: $path:literal),* $(,)?) => { [$(($name, include_str!(concat!("page/", $path)))),*] };
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let files = files! {
        "index.html": "index.html",
        "page.css": "page.css",
        "icon.svg": "icon.svg",
        "look.js": "look.js",
        "main.js": "main.js",
        "api.js": "api.js",
        "charts.js": "charts.js",
        "dialogs.js": "dialogs.js",
        "dom.js": "dom.js",
        "errors.js": "errors.js",
        "format.js": "format.js",
        "key-form.js": "key-form.js",
        "keys.js": "keys.js",
        "live.js": "live.js",
        "overview.js": "overview.js",
        "quota.js": "quota.js",
        "reasons.js": "reasons.js",
        "requests.js": "requests.js",
        "spend.js": "spend.js",
        "teams.js": "teams.js",
        "words.js": "words.js",
        "words-en.js": "words-en.js",
        "words-zh.js": "words-zh.js",
        "uplot.js": "vendor/uplot/uPlot.iife.min.js",
        "uplot.css": "vendor/uplot/uPlot.min.css",
        "uplot.txt": "vendor/uplot/LICENSE",
    };
    files.into_iter().map(|(name, text)| File { name, text, etag: etag(text) }).collect()
});

pub(super) fn routes() -> Routes<AdminState> {
    vec![("get", "/", get(root)), ("get", "/page/{file}", get(file))]
}

/// The page for a browser; a line for everybody else, such as curl, which accepts anything but asks for nothing.
async fn root(headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") {
        answer("index.html", &headers)
    } else {
        ([(header::VARY, "accept")], LINE).into_response()
    }
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(&name, &headers)
}

fn answer(name: &str, asked: &HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return (StatusCode::NOT_FOUND, "The page has no such file. It begins at /.\n").into_response();
    };
    let mut response = match is_known(&file.etag, asked) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, kind(file.name))], file.text).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, file.etag.clone());
    headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// Whether the browser has the file as it is.
fn is_known(etag: &HeaderValue, asked: &HeaderMap) -> bool {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    known.split(',').any(|known| known.trim().trim_start_matches("W/") == etag)
}

fn etag(text: &str) -> HeaderValue {
    let mut quoted = "\"".to_owned();
    // 64 bits tell versions of one file apart.
    for byte in &Sha256::digest(text)[..8] {
        let _writing_to_a_string_cannot_fail = write!(quoted, "{byte:02x}");
    }
    HeaderValue::from_str(&(quoted + "\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::{REFUSAL_REASONS, UPSTREAM_CAUSES};

    /// Files that import what there is not, or lie beside the others unnamed, would be found in a browser only.
    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/page");
        let mut there = 0;
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                let text = std::fs::read_to_string(entry.path()).unwrap();
                assert!(FILES.iter().any(|file| file.name == name && file.text == text), "{name}");
                there += 1;
            }
        }
        let vendored = FILES.iter().filter(|file| file.name.starts_with("uplot.")).count();
        assert_eq!((there, vendored), (FILES.len() - 3, 3));
    }

    /// Nothing of the page's own is written into its markup, and no address leads elsewhere.
    #[test]
    fn the_page_needs_nobody_else() {
        for file in FILES.iter().filter(|file| !file.name.starts_with("uplot.")) {
            let own = file.text.replace("http://www.w3.org/2000/svg", "");
            for foreign in ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "//cdn"] {
                assert!(!own.contains(foreign), "{} has {foreign}", file.name);
            }
        }
        let index = text("index.html");
        assert!(!index.contains("style=") && !index.contains(" on") && !index.contains("<style"), "{index}");
        assert_eq!(
            index.matches("<script").count(),
            index.matches("<script src=").count() + index.matches("<script type=\"module\" src=").count()
        );
    }

    fn text(name: &str) -> &'static str {
        FILES.iter().find(|file| file.name == name).unwrap().text
    }

    /// What can go wrong is explained, each reason by itself or together with those like it.
    #[test]
    fn every_reason_has_words() {
        let (words, same) = (text("words-en.js"), text("reasons.js"));
        let kinds = [("refused", REFUSAL_REASONS), ("upstream", UPSTREAM_CAUSES)];
        for (kind, reason) in kinds.iter().flat_map(|(kind, reasons)| reasons.iter().map(move |reason| (kind, reason)))
        {
            let alike = same.split_once(&format!(" {reason}: '")).and_then(|(_, rest)| rest.split_once('\''));
            let has = |reason: &str| {
                ["what", "todo"].iter().all(|part| words.contains(&format!("'{kind}.{reason}.{part}': '")))
            };
            assert!(has(reason) || alike.is_some_and(|(alike, _)| has(alike)), "{kind} {reason}");
        }
    }

    /// Settings that the words name are settings.
    #[test]
    fn what_the_words_tell_to_set_is_there() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let settings = std::fs::read_to_string(root.join("config/flowgate.toml")).unwrap();
        let named = "server.hosts server.origins server.max_body server.max_upload server.body_memory queue.max_wait \
            queue.max_waiting upstream.ca_file [models.override] [models.fallback] [ledger]";
        for name in named.split_whitespace() {
            assert!(text("words-en.js").contains(name) && text("words-zh.js").contains(name), "{name}");
            let line = match name.split_once('.') {
                Some((_, setting)) if !name.starts_with('[') => format!("{setting} = "),
                _ => name.trim_end_matches(']').to_owned(),
            };
            assert!(settings.contains(&line), "{name}");
        }
    }

    #[test]
    fn hashes_are_in_quotes_and_differ() {
        assert_eq!(etag("abc"), "\"ba7816bf8f01cfea\"");
        let asked =
            |known: &'static str| HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(known))]);
        assert!(is_known(&etag("abc"), &asked("\"x\", W/\"ba7816bf8f01cfea\"")));
        assert!(!is_known(&etag("abc"), &asked("\"x\"")) && !is_known(&etag("abc"), &HeaderMap::new()));
    }
}
