//! `thinking` and `output_config`: whether, how long and how hard the model thinks, and the form of its answer.

use super::{BridgeError, Edits, Known, Shown, malformed, object, refuse};
use crate::wire::json;

/// What `thinking_budget` may be (siliconflow-api.md, sections 2 and 17).
const BUDGETS: std::ops::RangeInclusive<u64> = 128..=32_768;

/// What a request says of thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thinking {
    pub(super) mode: Mode,
    budget: Option<u64>,
    /// Whether its text is to be left out of the answer.
    is_omitted: bool,
}

/// Whether it shall think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing is said, which means no.
    Unsaid,
    Off,
    On,
    /// As the model likes.
    Adaptive,
}

impl Thinking {
    /// Reads the member `thinking`, if there is one.
    pub(super) fn read(value: Option<&str>) -> Result<Self, BridgeError> {
        let none = Self { mode: Mode::Unsaid, budget: None, is_omitted: false };
        let Some(value) = value else { return Ok(none) };
        let thinking = object(value, "thinking")?;
        let mode = match thinking.string("type").as_deref() {
            Some("enabled") => Mode::On,
            Some("disabled") => Mode::Off,
            // The second thinks between the calls of tools only; no model here can be told so.
            Some("adaptive" | "between_tools") => Mode::Adaptive,
            _ => return Err(malformed("thinking.type", "`enabled`, `disabled`, `adaptive` or `between_tools`")),
        };
        let budget = thinking.get("budget_tokens").filter(|budget| budget.value != "null");
        let budget =
            budget.map(|budget| budget.value.parse().map_err(|_| malformed("thinking.budget_tokens", "a number")));
        let is_omitted = thinking.string("display").is_some_and(|display| display == "omitted");
        Ok(Self { mode, budget: budget.transpose()?, is_omitted })
    }

    /// Whether the model shall not think.
    pub(super) fn is_off(self) -> bool {
        matches!(self.mode, Mode::Off | Mode::Unsaid)
    }

    /// What becomes of the thinking that comes. A program without tools that did not ask for any takes the first block for
    /// the answer; one with tools has to send it back.
    pub(super) fn shown(self, has_tools: bool) -> Shown {
        match self.is_off() {
            true if !has_tools => Shown::Hidden,
            _ if self.is_omitted => Shown::Signed,
            _ => Shown::Whole,
        }
    }

    /// The chat members for it. Where nothing is said the model is told only if it is known to have a switch: others refuse
    /// to be asked. An adaptive one is left as it is set.
    pub(super) fn write(self, model: Known, out: &mut String, edits: &mut Edits) {
        match self.mode {
            Mode::Unsaid if !model.switches_thinking => {}
            Mode::Unsaid | Mode::Off => out.push_str(",\"enable_thinking\":false"),
            Mode::Adaptive => {}
            Mode::On => {
                out.push_str(",\"enable_thinking\":true");
                let Some(budget) = self.budget else { return };
                let taken = budget.clamp(*BUDGETS.start(), *BUDGETS.end());
                if taken != budget {
                    edits.note("thinking-budget");
                }
                out.push_str(&format!(",\"thinking_budget\":{taken}"));
            }
        }
    }
}

/// The member `output_config`: how hard it thinks and what form the answer has.
pub(super) fn output_config(
    value: &str,
    thinking: Thinking,
    out: &mut String,
    edits: &mut Edits,
) -> Result<(), BridgeError> {
    for member in object(value, "output_config")?.members().iter().filter(|member| member.value != "null") {
        match &*member.key {
            "effort" if thinking.is_off() => edits.note("without-effort"),
            "effort" => {
                json::string(member.value).ok_or_else(|| malformed("output_config.effort", "a string"))?;
                out.push_str(",\"reasoning_effort\":");
                out.push_str(member.value);
            }
            "format" => format(member.value, "output_config.format", out)?,
            _ => edits.note("without-output-config"),
        }
    }
    Ok(())
}

/// A JSON schema that the answer must follow.
pub(super) fn format(value: &str, at: &'static str, out: &mut String) -> Result<(), BridgeError> {
    let format = object(value, at)?;
    let schema = format.get("schema").filter(|_| format.string("type").is_some_and(|kind| kind == "json_schema"));
    let schema =
        schema.ok_or_else(|| refuse(at, format!("`{at}` must have the type `json_schema` and a `schema`.")))?;
    out.push_str(r#","response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":"#);
    out.push_str(schema.value);
    out.push_str("}}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_did_not_ask_for_thinking_gets_none() {
        let shown = |value, has_tools| Thinking::read(value).unwrap().shown(has_tools);
        assert_eq!(shown(None, false), Shown::Hidden);
        assert_eq!(shown(Some(r#"{"type":"disabled"}"#), false), Shown::Hidden);
        assert_eq!(shown(Some(r#"{"type":"disabled"}"#), true), Shown::Whole);
        assert_eq!(shown(Some(r#"{"type":"adaptive"}"#), false), Shown::Whole);
        assert_eq!(shown(Some(r#"{"type":"enabled","display":"omitted"}"#), false), Shown::Signed);
        for wrong in ["7", "{}", r#"{"type":"on"}"#, r#"{"type":"enabled","budget_tokens":"x"}"#] {
            assert!(Thinking::read(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
