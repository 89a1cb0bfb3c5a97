//! What `keys` and `teams` share: the desk that they work at, and fields as flags and as text.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::ConfigArguments;
use super::console::Console;
use crate::server::Desk;
use crate::tenant::KeyError;

/// Where the keys are.
#[derive(Debug, Args)]
pub(super) struct DeskArguments {
    /// Configuration file, which says where the state folder is [default: as for `serve`]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl DeskArguments {
    /// The desk on the configured state folder.
    ///
    /// # Errors
    /// That the configuration is wrong, or the folder cannot be used.
    pub(super) fn open(&self) -> Result<Desk, String> {
        let config = ConfigArguments { config: self.config.clone(), listen: None, admin_listen: None };
        Desk::open(&config.load_keyless()?).map_err(|error| error.to_string())
    }
}

/// What a key or a team may spend, as flags.
#[derive(Debug, Clone, Args)]
pub(super) struct AllowanceFields {
    /// Most money in a day (in China), such as '5 CNY'
    #[arg(long, value_name = "AMOUNT")]
    budget_per_day: Option<String>,
    /// Most money in a month
    #[arg(long, value_name = "AMOUNT")]
    budget_per_month: Option<String>,
    /// Most tokens in a day, of prompts and answers together
    #[arg(long, value_name = "TOKENS")]
    tokens_per_day: Option<String>,
    /// Most tokens in a month
    #[arg(long, value_name = "TOKENS")]
    tokens_per_month: Option<String>,
}

impl AllowanceFields {
    pub(super) fn members(self) -> [(&'static str, Option<Value>); 4] {
        [
            ("budget_per_day", text(self.budget_per_day)),
            ("budget_per_month", text(self.budget_per_month)),
            ("tokens_per_day", number(self.tokens_per_day)),
            ("tokens_per_month", number(self.tokens_per_month)),
        ]
    }
}

/// How the command ended; each fault of a field has a line of its own.
pub(super) fn ended(result: Result<(), KeyError>, console: &Console) -> Result<ExitCode, String> {
    match result {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(KeyError::Fields(faults)) => {
            faults.iter().for_each(|fault| console.error(fault));
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn text(value: Option<String>) -> Option<Value> {
    value.map(Value::from)
}

/// What is no number stays text, and the reader of fields says what is wrong with it.
pub(super) fn number(value: Option<String>) -> Option<Value> {
    value.map(|text| text.parse::<i64>().map_or(Value::from(text), Value::from))
}

/// `rpm = 60` for each field.
pub(super) fn shown_fields(of: &Value) -> Vec<String> {
    let fields = of["fields"].as_object().into_iter().flatten();
    fields.map(|(name, value)| format!("{name} = {value}")).collect()
}
