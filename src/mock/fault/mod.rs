//! Failures on demand. A request names one by the header `x-mock-fault: NAME[:PARAM][;OPTION=VALUE]...`, by a model
//! called `fault/NAME[:PARAM][;OPTION=VALUE]...[@MODEL]`, or a test injects one ([`injection`]).
//!
//! `names` lists them all; `status` are SiliconFlow's error answers, `front` what happens before or instead of an
//! answer, `stream` what happens to a body. It must not know endpoints.

pub(super) mod front;
pub(super) mod injection;
pub(super) mod names;
pub(super) mod status;
pub(super) mod stream;

use super::emulator::{Shared, locked};
use super::refusal::Refusal;
use axum::http::HeaderMap;
use serde_json::Value;

const HEADER: &str = "x-mock-fault";
const MODEL: &str = "fault/";

/// A fault as it was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault {
    pub(super) name: String,
    pub(super) param: Option<String>,
    options: Vec<(String, String)>,
    pub(super) written: String,
}

impl Fault {
    /// Reads `NAME[:PARAM][;OPTION=VALUE]...`.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let mut parts = written.split(';').map(str::trim);
        let head = parts.next().unwrap_or_default();
        let (name, param) = head.split_once(':').map_or((head, None), |(name, param)| (name, Some(param.to_owned())));
        if !names::NAMES.iter().any(|fault| fault.name == name) {
            return Err(format!("the emulator has no fault {name:?}; GET /mock/faults lists them"));
        }
        let options =
            parts.filter_map(|part| part.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Ok(Self { name: name.to_owned(), param, options, written: written.to_owned() })
    }

    /// The parameter as a number.
    pub(super) fn number(&self, without: u64) -> u64 {
        self.param.as_deref().and_then(|text| text.parse().ok()).unwrap_or(without)
    }

    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// For a model called `fault/...`: the real model behind it, if it names one.
    pub(super) fn stand_in(model: &str) -> Option<Option<&str>> {
        model.strip_prefix(MODEL).map(|rest| rest.split_once('@').map(|(_, real)| real))
    }
}

/// The fault this request is to meet, if any.
pub(super) fn find(
    emulator: &Shared,
    headers: &HeaderMap,
    json: &Value,
    key: Option<&str>,
) -> Result<Option<Fault>, Refusal> {
    let model = json["model"].as_str().unwrap_or_default();
    let by_header = headers.get(HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let by_model = || model.strip_prefix(MODEL).and_then(|rest| rest.split('@').next()).map(str::to_owned);
    let mut injections = locked(&emulator.injections);
    let Some(written) = by_header.or_else(by_model).or_else(|| injections.take(model, key)) else {
        return Ok(None);
    };
    let fault = Fault::parse(&written).map_err(|text| Refusal::coded(400, 20015, text))?;
    Ok(injections.still_flaky(fault))
}
