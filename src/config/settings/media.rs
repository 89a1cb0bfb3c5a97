//! `[media]`: what is kept of pictures and videos, and where they may be fetched from.

use http::Uri;

use crate::config::reader::Section;
use crate::media::{MediaSettings, hosts};

pub(super) fn read(section: &Section<'_>) -> MediaSettings {
    let usual = MediaSettings::default();
    MediaSettings {
        dir: section.path_to_folder("dir"),
        keep: section.optional_duration("keep").unwrap_or(usual.keep),
        most_bytes: section.bytes("most_bytes", usual.most_bytes),
        hosts: allowed(section).unwrap_or(usual.hosts),
        public_url: public_url(section),
        fetch_timeout: section.duration("fetch_timeout", usual.fetch_timeout),
    }
}

fn allowed(section: &Section<'_>) -> Option<Vec<String>> {
    let hosts = section.texts("hosts")?;
    for host in &hosts {
        if let Some(fault) = hosts::fault(host) {
            section.fault("hosts", format_args!("`{host}` is not a host: {fault}"));
        }
    }
    Some(hosts)
}

/// Where links begin: no query, no user, no slash at the end.
fn public_url(section: &Section<'_>) -> Option<String> {
    section.read("public_url", |value| {
        let text = value.as_str().unwrap_or_default().trim_end_matches('/');
        let url = text.parse::<Uri>().ok().filter(|url| matches!(url.scheme_str(), Some("http" | "https")));
        let is_plain =
            |url: &Uri| url.query().is_none() && url.authority().is_some_and(|host| !host.as_str().contains('@'));
        let is_url = url.as_ref().is_some_and(is_plain);
        is_url.then(|| text.to_owned()).ok_or_else(|| "must be a URL such as \"https://gateway.example\"".to_owned())
    })
}
