//! Faults a test sets for requests to come, and the count of those that go away by themselves.

use super::Fault;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A fault for requests to come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    /// As in `x-mock-fault`: `NAME[:PARAM][;OPTION=VALUE]...`.
    pub fault: String,
    /// How many requests meet it; without a number all do, until the reset.
    #[serde(default)]
    pub times: Option<u64>,
    /// Only requests for this model.
    #[serde(default)]
    pub model: Option<String>,
    /// Only requests with this key.
    #[serde(default)]
    pub key: Option<String>,
}

impl Injection {
    /// The next `times` requests, whatever they are, meet `fault`.
    #[must_use]
    pub fn next(fault: &str, times: u64) -> Self {
        Self { fault: fault.to_owned(), times: Some(times), ..Self::default() }
    }

    fn meets(&self, model: &str, key: Option<&str>) -> bool {
        self.times != Some(0)
            && self.model.as_deref().is_none_or(|own| own == model)
            && self.key.as_deref().is_none_or(|own| Some(own) == key)
    }
}

/// What is waiting to be played, oldest first.
#[derive(Debug, Default)]
pub(in crate::mock) struct Injections {
    waiting: Vec<Injection>,
    played: HashMap<String, u64>,
}

impl Injections {
    pub(in crate::mock) fn add(&mut self, injection: Injection) -> Result<(), String> {
        Fault::parse(&injection.fault)?;
        self.waiting.push(injection);
        Ok(())
    }

    pub(super) fn take(&mut self, model: &str, key: Option<&str>) -> Option<String> {
        let place = self.waiting.iter().position(|injection| injection.meets(model, key))?;
        let injection = self.waiting.get_mut(place)?;
        let fault = injection.fault.clone();
        injection.times = injection.times.map(|left| left - 1);
        self.waiting.retain(|injection| injection.times != Some(0));
        Some(fault)
    }

    /// `flaky-NAME:N` is NAME for the first N requests (3 without a number) and nothing afterwards.
    pub(super) fn still_flaky(&mut self, fault: Fault) -> Option<Fault> {
        let Some(inner) = fault.name.strip_prefix("flaky-") else {
            return Some(fault);
        };
        let played = self.played.entry(fault.written.clone()).or_default();
        *played += 1;
        let name = match inner {
            "503" => "overload-503",
            "429" => "tpm-429",
            "reset" => "reset-before-head",
            other => other,
        };
        (*played <= fault.number(3)).then(|| Fault { name: name.to_owned(), param: None, ..fault.clone() })
    }
}
