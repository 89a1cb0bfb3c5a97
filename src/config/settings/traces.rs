//! `[traces]`: where traces go, and how many. What it leaves out, OpenTelemetry's own variables may say.

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Uri};
use toml::de::DeValue;

use crate::config::environment::Environment;
use crate::config::reader::{Section, wrong};
use crate::telemetry::trace::{self, TraceSettings};

/// Where a collector takes traces over HTTP (OTLP specification 1.9).
const PATH: &str = "/v1/traces";
/// The only protocol that is spoken.
const PROTOCOL: &str = "http/protobuf";

pub(super) fn read(section: &Section<'_>) -> Option<TraceSettings> {
    let environment = section.environment();
    let written = section.read("endpoint", written);
    // Variables are for whoever can do something with them: without traces nobody looks at the others.
    let endpoint = written.or_else(|| report(section, of_environment(environment)).flatten());
    let usual = endpoint.as_ref().and_then(|_| report(section, sampler(environment)));
    let (usual_sample, usual_follows) = usual.unwrap_or((1.0, true));
    let sample = section.read("sample", share).unwrap_or(usual_sample);
    let follows_callers = section.flag("follow_callers", usual_follows);
    let propagates = section.flag("propagate", false);
    let named = environment.get("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()).unwrap_or("flowgate");
    let service_name = section.text("service_name").unwrap_or_else(|| named.to_owned());
    let endpoint = endpoint?;
    let headers = report(section, headers(environment))?;
    let resource = report(section, pairs(environment, "OTEL_RESOURCE_ATTRIBUTES"))?;
    Some(TraceSettings { endpoint, headers, service_name, resource, sample, follows_callers, propagates })
}

/// What a variable says; a fault where nobody can read it.
fn report<T>(section: &Section<'_>, read: Result<T, String>) -> Option<T> {
    read.map_err(|message| section.fault("endpoint", message)).ok()
}

/// The endpoint as the file has it: where the collector is, without a path for traces.
fn written(value: &DeValue<'_>) -> Result<Uri, String> {
    if !trace::IS_BUILT_IN {
        return Err("this flowgate was built without traces; build one that has them with `cargo build --release --features otlp` (docs/traces.md), or leave the setting out".to_owned());
    }
    below(value.as_str().ok_or_else(|| wrong("a URL such as \"http://127.0.0.1:4318\"", value))?)
}

/// A share, from 0 to 1.
fn share(value: &DeValue<'_>) -> Result<f64, String> {
    let text = value.as_float().map(|number| number.as_str()).or(value.as_integer().map(|number| number.as_str()));
    let share = text.and_then(|text| text.parse().ok()).filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

/// The place for traces below the URL of a collector.
fn below(base: &str) -> Result<Uri, String> {
    let url = url(base)?;
    let path = PathAndQuery::try_from(format!("{}{PATH}", url.path().trim_end_matches('/')));
    let mut parts = url.into_parts();
    parts.path_and_query = Some(path.map_err(|error| format!("not a URL ({error})"))?);
    Uri::from_parts(parts).map_err(|error| format!("not a URL ({error})"))
}

fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.trim().parse().map_err(|error| format!("not a URL ({error})"))?;
    let is_http = matches!(url.scheme_str(), Some("http" | "https")) && url.authority().is_some();
    if is_http { Ok(url) } else { Err("must be a URL such as \"http://127.0.0.1:4318\"".to_owned()) }
}

/// The endpoint by OpenTelemetry's variables; those of traces come before those of everything.
fn of_environment(environment: &Environment) -> Result<Option<Uri>, String> {
    let is_off = |name, off| environment.get(name).is_some_and(|value| value.eq_ignore_ascii_case(off));
    if !trace::IS_BUILT_IN || is_off("OTEL_SDK_DISABLED", "true") || is_off("OTEL_TRACES_EXPORTER", "none") {
        return Ok(None);
    }
    let (name, endpoint) = match (one_of(environment, "TRACES_ENDPOINT"), one_of(environment, "ENDPOINT")) {
        (Some((name, whole)), _) => (name, url(whole)),
        (None, Some((name, base))) => (name, below(base)),
        (None, None) => return Ok(None),
    };
    let protocol = one_of(environment, "TRACES_PROTOCOL").or_else(|| one_of(environment, "PROTOCOL"));
    if let Some((name, other)) = protocol.filter(|(_, protocol)| *protocol != PROTOCOL) {
        return Err(format!("{name} is `{other}`, but only {PROTOCOL} is spoken (a collector takes it at port 4318)"));
    }
    endpoint.map(Some).map_err(|error| format!("{name}: {error}"))
}

/// The variable `OTEL_EXPORTER_OTLP_…`, with its name.
fn one_of<'a>(environment: &'a Environment, name: &str) -> Option<(String, &'a str)> {
    let name = format!("OTEL_EXPORTER_OTLP_{name}");
    let value = environment.get(&name).filter(|value| !value.is_empty())?;
    Some((name, value))
}

/// What is sent with traces. Never shown, for a token may be among it.
fn headers(environment: &Environment) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut headers = Vec::new();
    for variable in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"] {
        for (name, value) in pairs(environment, variable)? {
            let header = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
            let (name, mut value) = header.ok_or_else(|| format!("{variable} has something that is no header"))?;
            value.set_sensitive(true);
            headers.push((name, value));
        }
    }
    Ok(headers)
}

/// `name=value,name=value`, percent-encoded as W3C Baggage has it.
fn pairs(environment: &Environment, variable: &str) -> Result<Vec<(String, String)>, String> {
    let text = environment.get(variable).unwrap_or_default();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((decoded(name.trim())?, decoded(value.trim())?)).filter(|(name, _)| !name.is_empty())
    };
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty()).map(pair);
    pairs.collect::<Option<_>>().ok_or_else(|| format!("{variable} is not `name=value,name=value`"))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

/// The share of requests and whether callers decide, by `OTEL_TRACES_SAMPLER`.
fn sampler(environment: &Environment) -> Result<(f64, bool), String> {
    let word =
        environment.get("OTEL_TRACES_SAMPLER").filter(|word| !word.is_empty()).unwrap_or("parentbased_always_on");
    let (name, follows) = word.strip_prefix("parentbased_").map_or((word, false), |name| (name, true));
    let argument = environment.get("OTEL_TRACES_SAMPLER_ARG").unwrap_or("1");
    match name {
        "always_on" => Ok((1.0, follows)),
        "always_off" => Ok((0.0, follows)),
        "traceidratio" => {
            let share = argument.parse().ok().filter(|share| (0.0..=1.0).contains(share));
            let share = share.ok_or_else(|| "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1".to_owned())?;
            Ok((share, follows))
        }
        _ => Err(format!(
            "OTEL_TRACES_SAMPLER is `{word}`, which is none of always_on, always_off, traceidratio, or those with parentbased_ before them"
        )),
    }
}
