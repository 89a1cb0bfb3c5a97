//! `[[account]]`: the SiliconFlow accounts and their keys.

use std::path::PathBuf;

use secrecy::SecretString;

use super::allowance;
use crate::config::quota::{self, AccountLimits};
use crate::config::reader::Section;
use crate::config::{Overrides, secret};
use crate::quota::allowance::Allowance;

/// One `[[account]]`.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// Name in logs and metrics.
    pub name: String,
    /// Its key.
    pub api_key: SecretString,
    /// Its quota.
    pub quota: AccountLimits,
    /// What may be spent of its money.
    pub allowance: Allowance,
}

/// The variable of the account's key when no `[[account]]` says otherwise.
const KEY_VARIABLE: &str = "SILICONFLOW_API_KEY";

pub(super) fn read(root: &Section<'_>, overrides: &Overrides, watched: &mut Vec<PathBuf>) -> Vec<AccountSettings> {
    if let Some(upstream) = &overrides.upstream {
        let written = root.sections("account", |section| {
            let _not_used_here = (section.text("name"), section.read("api_key", |_| Ok(())));
            (quota::account(section), allowance::read(section))
        });
        let (quota, allowance) = written.into_iter().next().unwrap_or_default();
        let api_key = upstream.api_key.clone().into();
        return vec![AccountSettings { name: "demo".to_owned(), api_key, quota, allowance }];
    }
    if overrides.is_keyless {
        return keyless(root);
    }
    let mut names = Vec::new();
    let written = root.sections("account", |section| {
        let account = account(section, watched)?;
        if names.contains(&account.name) {
            section.fault(
                "name",
                format_args!("there is another account `{}`; give this one a name of its own", account.name),
            );
        }
        names.push(account.name.clone());
        Some(account)
    });
    if !written.is_empty() {
        return written.into_iter().flatten().collect();
    }
    match secret::from_environment(KEY_VARIABLE, root.environment()) {
        Ok(api_key) => vec![AccountSettings { api_key, ..unwritten() }],
        Err(error) => {
            root.faults().missing(format_args!(
                "no SiliconFlow API key: {error}. To try flowgate without a key: flowgate serve --demo"
            ));
            Vec::new()
        }
    }
}

/// The accounts as far as their quota goes; what they call themselves and where their keys are is not judged.
fn keyless(root: &Section<'_>) -> Vec<AccountSettings> {
    let written = root.sections("account", |section| {
        let _not_used_here = section.read("api_key", |_| Ok(()));
        let (quota, allowance) = (quota::account(section), allowance::read(section));
        let name = section.text("name").unwrap_or_else(|| unwritten().name);
        AccountSettings { name, quota, allowance, ..unwritten() }
    });
    if written.is_empty() { vec![unwritten()] } else { written }
}

/// The account of a file that has none, without its key.
fn unwritten() -> AccountSettings {
    let (quota, allowance) = (AccountLimits::default(), Allowance::default());
    AccountSettings { name: "main".to_owned(), api_key: String::new().into(), quota, allowance }
}

fn account(section: &Section<'_>, watched: &mut Vec<PathBuf>) -> Option<AccountSettings> {
    let name = section.text("name");
    if name.is_none() {
        section.fault("name", "an account needs a name");
    }
    if name.as_ref().is_some_and(|name| name.contains(['/', ':'])) {
        section.fault("name", "an account's name stands in front of models' names; leave out `/` and `:`");
    }
    let (quota, allowance) = (quota::account(section), allowance::read(section));
    let secret = section.secret("api_key");
    if section.read("api_key", |_| Ok(())).is_none() {
        section.fault("api_key", "an account needs a key, such as { env = \"SILICONFLOW_API_KEY\" }");
    }
    let (api_key, file) = secret?;
    watched.extend(file);
    Some(AccountSettings { name: name?, api_key, quota, allowance })
}
