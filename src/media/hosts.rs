//! Where links may lead: the hosts that the upstream puts its pictures on, over HTTPS, and the upstream itself where it is this
//! machine (the emulator). Pure: names only; what they resolve to is looked at when it is connected to.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use http::uri::Scheme;

use super::address;
use super::error::MediaError;

/// A host name, or every name below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    name: String,
    is_domain: bool,
}

impl Pattern {
    fn read(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix("*.") {
            Some(domain) => Self { name: format!(".{domain}"), is_domain: true },
            None => Self { name: text, is_domain: false },
        }
    }

    fn fits(&self, host: &str) -> bool {
        if self.is_domain { host.len() > self.name.len() && host.ends_with(&self.name) } else { host == self.name }
    }
}

/// What is wrong with a host as an operator may write it; `None` if nothing is.
pub fn fault(text: &str) -> Option<&'static str> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if name.parse::<IpAddr>().is_ok() {
        Some("an address is no host name")
    } else if !name.contains('.') || !name.split('.').all(is_label) {
        Some("write it like \"s3.example.com\" or \"*.example.com\", without scheme, port and path")
    } else {
        None
    }
}

/// By which way a link may be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To a public address, over TLS.
    Public,
    /// To this machine.
    Local,
}

impl Way {
    /// Whether it leads to `address`.
    pub fn leads_to(self, address: SocketAddr) -> bool {
        match self {
            Self::Public => address::is_public(address.ip()),
            Self::Local => address.ip().is_loopback(),
        }
    }
}

/// Where links may lead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts {
    patterns: Vec<Pattern>,
    /// Scheme, host and port of the upstream, where that is this machine.
    local: Option<(Scheme, String, u16)>,
}

impl Hosts {
    /// `patterns`, and `upstream` (its URL) where that is this machine.
    pub fn new(patterns: &[String], upstream: &str) -> Self {
        let local = upstream.parse().ok().and_then(|url: Uri| {
            let (host, port) = host_and_port(&url).ok()?;
            let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            is_local.then(|| (url.scheme().cloned().unwrap_or(Scheme::HTTP), host, port))
        });
        Self { patterns: patterns.iter().map(|text| Pattern::read(text)).collect(), local }
    }

    /// By which way `url` may be followed.
    ///
    /// # Errors
    /// Why it must not be.
    pub fn way(&self, url: &Uri) -> Result<Way, MediaError> {
        let (host, port) = host_and_port(url)?;
        let scheme = url.scheme().cloned().ok_or(MediaError::Url)?;
        if self.local.as_ref().is_some_and(|local| *local == (scheme.clone(), host.clone(), port)) {
            return Ok(Way::Local);
        }
        if is_address(&host) {
            return Err(MediaError::Address);
        }
        if scheme != Scheme::HTTPS || port != 443 {
            return Err(MediaError::Scheme);
        }
        if self.patterns.iter().any(|pattern| pattern.fits(&host)) {
            Ok(Way::Public)
        } else {
            Err(MediaError::Host(host))
        }
    }
}

/// The host in lower case without brackets, and the port.
fn host_and_port(url: &Uri) -> Result<(String, u16), MediaError> {
    let authority = url.authority().ok_or(MediaError::Url)?;
    // What stands before an @ is there to look like a host.
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(MediaError::Url);
    }
    let usual = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    Ok((host, authority.port_u16().unwrap_or(usual)))
}

/// Whether `host` is an address in any spelling that some resolver understands (`2130706433`, `0x7f.1`), or this machine's name.
fn is_address(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    host.contains(':')
        || last.starts_with(|first: char| first.is_ascii_digit())
        || last == "localhost"
        || !host.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::settings::HOSTS;

    fn hosts(upstream: &str) -> Hosts {
        Hosts::new(&HOSTS.map(str::to_owned), upstream)
    }

    fn way(upstream: &str, url: &str) -> Result<Way, &'static str> {
        match url.parse::<Uri>() {
            Ok(url) => hosts(upstream).way(&url).map_err(|error| error.label()),
            Err(_) => Err("url"),
        }
    }

    const REAL: &str = "https://api.siliconflow.cn/v1";

    #[test]
    fn known_hosts_over_https() {
        for url in [
            "https://s3.siliconflow.cn/temporary/outputs/a.png?X-Amz-Expires=3600",
            "https://S3.SiliconFlow.CN/a.png",
            "https://s3.siliconflow.cn:443/a.png",
            "https://sc-maas.oss-cn-shanghai.aliyuncs.com/outputs%2F20250508%2Fa.jpeg?Expires=1&Signature=x%3D",
        ] {
            assert_eq!(way(REAL, url), Ok(Way::Public), "{url}");
        }
    }

    #[test]
    fn nothing_else() {
        for (url, cause) in [
            ("http://s3.siliconflow.cn/a.png", "scheme"),
            ("https://s3.siliconflow.cn:8443/a.png", "scheme"),
            ("ftp://s3.siliconflow.cn/a.png", "scheme"),
            ("file:///etc/passwd", "url"),
            ("/a.png", "url"),
            ("", "url"),
            ("https://", "url"),
            ("https://s3.siliconflow.cn@evil.example/a.png", "url"),
            ("https://evil.example/a.png", "host"),
            ("https://siliconflow.cn.evil.example/a.png", "host"),
            ("https://evilsiliconflow.cn/a.png", "host"),
            ("https://other-bucket.oss-cn-shanghai.aliyuncs.com/a.png", "host"),
            ("http://169.254.169.254/latest/meta-data/", "address"),
            ("https://127.0.0.1/a.png", "address"),
            ("https://[::1]/a.png", "address"),
            ("https://2130706433/a.png", "address"),
            ("https://0x7f.1/a.png", "address"),
            ("https://localhost/a.png", "address"),
            ("https://intranet/a.png", "address"),
            ("https://1.1.1.1/a.png", "address"),
        ] {
            assert_eq!(way(REAL, url), Err(cause), "{url}");
        }
    }

    #[test]
    fn this_machine_only_where_the_upstream_is() {
        let mock = "http://127.0.0.1:8080/v1";
        assert_eq!(way(mock, "http://127.0.0.1:8080/temporary/a.png"), Ok(Way::Local));
        for url in [
            "http://127.0.0.1:8081/a.png",
            "http://127.0.0.2:8080/a.png",
            "https://127.0.0.1:8080/a.png",
            "http://localhost:8080/a.png",
        ] {
            assert_eq!(way(mock, url), Err("address"), "{url}");
        }
        assert_eq!(way("http://localhost:1/v1", "http://localhost:1/a.png"), Ok(Way::Local));
        assert_eq!(way("http://10.0.0.1:1/v1", "http://10.0.0.1:1/a.png"), Err("address"));
        assert!(Way::Local.leads_to(([127, 0, 0, 1], 1).into()) && !Way::Local.leads_to(([1, 1, 1, 1], 1).into()));
        assert!(!Way::Public.leads_to(([127, 0, 0, 1], 1).into()) && Way::Public.leads_to(([1, 1, 1, 1], 1).into()));
    }

    #[test]
    fn what_an_operator_may_write() {
        for good in HOSTS.into_iter().chain(["s3.example.com"]) {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in ["", "*", "*.", "com", "https://a.b", "a.b/c", "a.b:443", "10.0.0.1", "a..b", "::1"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
