//! `[upstream]`: the connections to SiliconFlow, and how long to wait on them.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;

use crate::api::ApiSettings;
use crate::api::body::BodyLimits;
use crate::api::messages::MessagesUpstream;
use crate::config::reader::Section;
use crate::config::{Overrides, tls_files};
use crate::upstream::{BaseUrl, TransportSettings};

pub(super) fn transport(section: &Section<'_>, overrides: &Overrides, watched: &mut Vec<PathBuf>) -> TransportSettings {
    let written = section.text("base_url");
    let url = overrides.upstream.as_ref().map(|upstream| upstream.base_url.clone()).or(written);
    let base_url = url.and_then(|url| BaseUrl::parse(&url).map_err(|error| section.fault("base_url", error)).ok());
    let extra_roots = section.path_to_file("ca_file").and_then(|path| {
        let read = tls_files::roots(&path).map_err(|error| section.fault("ca_file", error));
        watched.push(path);
        read.ok()
    });
    TransportSettings {
        base_url: base_url.unwrap_or_else(BaseUrl::siliconflow),
        connect_timeout: section.duration("connect_timeout", Duration::from_secs(5)),
        extra_roots,
    }
}

pub(super) fn limits(section: &Section<'_>, body: BodyLimits) -> ApiSettings {
    let seconds = Duration::from_secs;
    ApiSettings {
        body,
        most_upload_bytes: 0,
        first_byte_timeout: section.duration("first_byte_timeout", seconds(120)),
        idle_timeout: section.duration("idle_timeout", seconds(60)),
        total_timeout: section.duration("total_timeout", seconds(1800)),
        retries: section.number("retries", 2, 0..=10),
        forward_headers: header_names(section),
        passes_unknown_paths: true,
        messages: MessagesUpstream::Chat,
        refuses_unknown_models: false,
    }
}

/// Credentials are never forwarded, whatever the operator writes.
fn header_names(section: &Section<'_>) -> Vec<HeaderName> {
    const NEVER: [&str; 5] = ["authorization", "x-api-key", "api-key", "cookie", "host"];
    let names = section.texts("forward_headers").unwrap_or_default();
    names
        .iter()
        .filter_map(|name| match name.parse::<HeaderName>() {
            Ok(header) if !NEVER.contains(&header.as_str()) => Some(header),
            _ => {
                section.fault("forward_headers", format_args!("`{name}` is no header that can be forwarded"));
                None
            }
        })
        .collect()
}
