//! One turn of a script: what a model says, and what goes wrong.

use super::when::When;
use crate::mock::chat::answer::Answer;
use crate::mock::chat::tools::ToolCall;
use crate::mock::fault::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an answer may end with.
const FINISHES: [&str; 5] = ["stop", "eos", "length", "tool_calls", "content_filter"];

/// An answer that a test has written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// Which requests it answers; all of them without a word.
    pub when: When,
    /// What the model thinks, whether or not it does so by itself.
    pub reasoning: String,
    /// What it says.
    pub content: String,
    /// Tools that it calls, offered or not.
    pub calls: Vec<ScriptedCall>,
    /// How it ends; without a word `tool_calls` after calls, else as the model ends by nature.
    pub finish: Option<String>,
    /// A fault in place of the answer or on its way: `NAME[:PARAM][;OPTION=VALUE]...`.
    pub fault: Option<String>,
    /// How many requests it answers. Default 1.
    pub times: u64,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            when: When::default(),
            reasoning: String::new(),
            content: String::new(),
            calls: Vec::new(),
            finish: None,
            fault: None,
            times: 1,
        }
    }
}

/// A tool that is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// The tool.
    pub name: String,
    /// An object; a string is sent as it is, which need not be JSON.
    #[serde(default)]
    pub arguments: Value,
}

impl ScriptedCall {
    fn arguments(&self) -> String {
        match &self.arguments {
            Value::Null => "{}".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl Turn {
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(finish) = &self.finish
            && !FINISHES.contains(&finish.as_str())
        {
            return Err(format!("no answer ends with {finish:?}; it is one of {}", FINISHES.join(", ")));
        }
        let fault = self.fault.as_deref().map(Fault::parse).transpose()?;
        match fault {
            Some(fault) if fault.name.starts_with("flaky-") => {
                Err(format!("{} goes away by itself; a turn says how often by `times`", fault.name))
            }
            _ if self.times == 0 => Err("`times` is at least 1".to_owned()),
            _ => Ok(()),
        }
    }

    /// The answer as this model gives it; `serial` makes the ids of its calls.
    pub(in crate::mock::chat) fn answer(&self, natural_end: &'static str, serial: impl Fn() -> String) -> Answer {
        let call =
            |call: &ScriptedCall| ToolCall { serial: serial(), name: call.name.clone(), arguments: call.arguments() };
        let by_itself = if self.calls.is_empty() { natural_end } else { "tool_calls" };
        let said = self.finish.as_deref().and_then(|finish| FINISHES.iter().find(|known| **known == finish));
        Answer {
            reasoning: self.reasoning.clone(),
            content: self.content.clone(),
            calls: self.calls.iter().map(call).collect(),
            finish: said.copied().unwrap_or(by_itself),
            ..Answer::default()
        }
    }
}
