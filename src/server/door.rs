//! The door: which hosts and origins the gateway answers to, and what browsers need to hear (CORS).
//!
//! A gateway on loopback without keys trusts everything that reaches it, so a web page must not be
//! able to: neither by naming another host (DNS rebinding) nor as a foreign origin (clients.md A6).

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};

use crate::api::error::DoorError;
use crate::relay::body::RelayBody;

/// Names by which containers reach the machine they run on; no public name server serves them.
const CONTAINER_HOSTS: [&str; 2] = ["host.docker.internal", "host.containers.internal"];
/// Headers of ours that scripts in a page may read (clients.md A6).
const EXPOSED: &str = "x-request-id, request-id, retry-after, retry-after-ms, x-should-retry, x-ratelimit-limit-requests, \
    x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, \
    x-ratelimit-reset-tokens, x-flowgate-model, x-flowgate-edits, x-flowgate-wait-ms, x-siliconcloud-trace-id";

/// Who may come in.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// Hosts are checked only where everybody is trusted.
    checks_hosts: bool,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Door {
    pub(super) fn new(is_loopback: bool, hosts: Vec<String>, origins: Vec<String>) -> Self {
        let lower = |names: Vec<String>| names.into_iter().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>();
        Self { checks_hosts: is_loopback || !hosts.is_empty(), hosts: lower(hosts), origins: lower(origins) }
    }

    /// Whether a request may come in.
    ///
    /// # Errors
    /// [`DoorError`] when not.
    pub(super) fn check<B>(&self, request: &Request<B>, is_contradictory: bool) -> Result<(), DoorError> {
        if is_contradictory {
            return Err(DoorError::Malformed(
                "both Content-Length and Transfer-Encoding, or a body in chunks behind another request",
            ));
        }
        let host = host(request)?;
        if let Some(host) = &host
            && self.checks_hosts
            && !self.knows_host(host)
        {
            return Err(DoorError::Host);
        }
        match request.headers().get(header::ORIGIN) {
            Some(origin) if !self.knows_origin(origin, named(request)) => Err(DoorError::Origin),
            _ => Ok(()),
        }
    }

    fn knows_host(&self, host: &str) -> bool {
        is_local(host) || CONTAINER_HOSTS.contains(&host) || self.hosts.iter().any(|known| known == host)
    }

    /// Pages of this machine, programs with pages of their own (`app://`, `vscode-webview://`, …: no
    /// web site can have such an origin), pages that came from where they ask now (the admin plane's, perhaps through a proxy
    /// with TLS), and what the operator allows.
    fn knows_origin(&self, origin: &HeaderValue, own: Option<&str>) -> bool {
        let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else { return false };
        if self.origins.iter().any(|known| known == "*" || *known == origin) {
            return true;
        }
        let Some((scheme, rest)) = origin.split_once("://") else { return false };
        if scheme != "http" && scheme != "https" {
            return true;
        }
        rest.parse::<Authority>().is_ok_and(|authority| {
            let host = bare(authority.host());
            let own_host = own.and_then(|own| own.parse::<Authority>().ok());
            let is_same_host = || own_host.is_some_and(|own| bare(own.host()).eq_ignore_ascii_case(host));
            let is_own = own.is_some_and(|own| own.eq_ignore_ascii_case(rest));
            is_local(host) || is_own || (!self.checks_hosts && is_same_host())
        })
    }
}

/// Host and port as a request names them.
fn named<B>(request: &Request<B>) -> Option<&str> {
    let header = || request.headers().get(header::HOST)?.to_str().ok();
    request.uri().authority().map(Authority::as_str).or_else(header)
}

/// The host a request names, without port and brackets.
fn host<B>(request: &Request<B>) -> Result<Option<String>, DoorError> {
    let mut named = request.headers().get_all(header::HOST).iter();
    let first = named.next();
    if named.next().is_some() {
        return Err(DoorError::Malformed("more than one Host"));
    }
    if let Some(authority) = request.uri().authority() {
        return Ok(Some(bare(authority.host()).to_ascii_lowercase()));
    }
    let Some(first) = first else {
        let is_needed = request.version() == Version::HTTP_11;
        return if is_needed { Err(DoorError::Malformed("no Host")) } else { Ok(None) };
    };
    let authority = Authority::try_from(first.as_bytes()).map_err(|_| DoorError::Malformed("a malformed Host"))?;
    Ok(Some(bare(authority.host()).to_ascii_lowercase()))
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn is_local(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The answer to a preflight, if `request` is one: any method, the headers that were asked for.
/// Needs no key.
pub(super) fn preflight<B>(request: &Request<B>) -> Option<Response<RelayBody>> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = Response::new(RelayBody::plain(bytes::Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let out = response.headers_mut();
    out.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    out.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        out.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    if headers.get("access-control-request-private-network").is_some_and(|asked| asked == "true") {
        out.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
    }
    Some(response)
}

/// What a browser needs on every answer, errors included, to let its page read it.
pub(super) fn allow_origin(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(door: &Door, headers: &[(&str, &str)]) -> Result<(), DoorError> {
        let mut request = Request::builder().uri("/v1/models");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        door.check(&request.body(()).unwrap(), false)
    }

    #[test]
    fn loopback_answers_to_its_own_names() {
        let door = Door::new(true, vec!["Gate.lan".to_owned()], vec![]);
        for host in [
            "localhost:4000",
            "127.0.0.1:4000",
            "[::1]:4000",
            "127.9.9.9",
            "a.localhost",
            "gate.lan",
            "host.docker.internal:4000",
            "LOCALHOST",
        ] {
            assert_eq!(check(&door, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1"] {
            assert_eq!(check(&door, &[("host", host)]), Err(DoorError::Host), "{host}");
        }
        assert!(matches!(check(&door, &[]), Err(DoorError::Malformed(_))));
        assert!(matches!(check(&door, &[("host", "a"), ("host", "b")]), Err(DoorError::Malformed(_))));
        assert!(matches!(check(&door, &[("host", "a b")]), Err(DoorError::Malformed(_))));
        assert_eq!(check(&Door::new(false, vec![], vec![]), &[("host", "any.example")]), Ok(()));
    }

    #[test]
    fn foreign_pages_stay_outside() {
        let door = Door::new(true, vec![], vec!["https://app.nextchat.dev".to_owned()]);
        let from = |origin| check(&door, &[("host", "localhost"), ("origin", origin)]);
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:8080",
            "app://obsidian.md",
            "vscode-webview://x",
            "file://",
            "https://app.nextchat.dev",
        ] {
            assert_eq!(from(origin), Ok(()), "{origin}");
        }
        for origin in ["https://evil.example", "null", "http://localhost.evil.example", "https://"] {
            assert_eq!(from(origin), Err(DoorError::Origin), "{origin}");
        }
        let open = Door::new(true, vec![], vec!["*".to_owned()]);
        assert_eq!(check(&open, &[("host", "localhost"), ("origin", "null")]), Ok(()));
        // The host was let in before, so its own page is too; what else has that name is another page.
        let own = Door::new(true, vec!["gate.lan".to_owned()], vec![]);
        let from = |origin| check(&own, &[("host", "gate.lan:4001"), ("origin", origin)]);
        assert_eq!((from("http://gate.lan:4001"), from("https://Gate.lan:4001")), (Ok(()), Ok(())));
        for origin in ["http://gate.lan", "http://gate.lan:4002", "http://evil.example:4001"] {
            assert_eq!(from(origin), Err(DoorError::Origin), "{origin}");
        }
        assert_eq!(check(&own, &[("host", "evil.lan"), ("origin", "http://evil.lan")]), Err(DoorError::Host));
        let team = Door::new(false, vec![], vec![]);
        assert_eq!(check(&team, &[("host", "gate.lan"), ("origin", "https://gate.lan")]), Ok(()));
    }
}
