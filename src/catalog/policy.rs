//! Who is called for a name: free or paid, one model or several. One pure decision, made once for each request.
//!
//! Who has a say, the first that speaks: the request, its key, the alias, the gateway. Key, alias and gateway are the
//! operator's, and what the operator forbids no request allows: under `free-only` nothing paid is called. The other
//! policies are preferences, and a request may have others. Must not know queues, money spent, or what an answer was:
//! whoever follows the plan weighs that.

mod make;
mod suffix;

use std::collections::BTreeMap;
use std::time::Duration;

use super::alias::Aliases;
use super::catalogue::Catalogue;
use super::ladder::Ladders;
use super::plan::Plan;
use crate::quota::money::Money;

/// Which of two twins is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The one that was named.
    #[default]
    Exact,
    /// The free one; without one, the request is refused.
    FreeOnly,
    /// The free one while its quota lasts, then whichever starts earlier, if spilling is allowed. A paid model without a
    /// free twin is called as it was named.
    PreferFree,
    /// The paid one, unless the free one starts earlier.
    PreferPro,
}

impl Policy {
    /// All of them, by their words in configuration and headers.
    pub const WORDS: [(&str, Self); 4] = [
        ("exact", Self::Exact),
        ("free-only", Self::FreeOnly),
        ("prefer-free", Self::PreferFree),
        ("prefer-pro", Self::PreferPro),
    ];

    /// Its word.
    pub fn label(self) -> &'static str {
        Self::WORDS.iter().find(|(_, policy)| *policy == self).map_or("", |(word, _)| word)
    }

    /// Reads one of the words.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, policy)| *policy)
    }
}

/// What the operator says of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyPolicy {
    /// In place of the gateway's.
    pub policy: Option<Policy>,
    /// Whether it may spill, in place of the gateway's word.
    pub spill: Option<bool>,
}

/// `[models.spill]`: from the free model to a paid one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpillRules {
    /// Whether it may happen at all.
    pub is_allowed: bool,
    /// A free model that starts within so long is waited for.
    pub after: Duration,
    /// Most money for one day of one account.
    pub budget_per_day: Money,
    /// How long after its last request a conversation stays where it was.
    pub sticky: Duration,
}

impl Default for SpillRules {
    /// Ours, all of them: two seconds are a pause that people hardly notice, five minutes what prompt caches are known
    /// to live for elsewhere (SiliconFlow publishes no time), five CNY half a million requests to `Pro/BAAI/bge-m3`.
    fn default() -> Self {
        Self {
            is_allowed: false,
            after: Duration::from_secs(2),
            budget_per_day: Money::from_micros_cny(5_000_000),
            sticky: Duration::from_secs(300),
        }
    }
}

/// What happens to a thinking switch that the model does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThinkingRule {
    /// It is left out, and the caller is told.
    #[default]
    Drop,
    /// The request is refused.
    Refuse,
    /// It goes upstream.
    Pass,
}

/// `[models]`, as far as it says who is called.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Unless somebody nearer says otherwise.
    pub policy: Policy,
    /// From free to paid.
    pub spill: SpillRules,
    /// Aliases that stand for more than one model, or have a policy.
    pub ladders: Ladders,
    /// What is called when a model fails, in order.
    pub fallback: BTreeMap<String, Vec<String>>,
    /// About switches that a model does not have.
    pub thinking: ThinkingRule,
}

/// A request, as far as it matters here.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// The model as the caller wrote it, with `:free`, `:pro` or `:auto` at its end or without.
    pub name: &'a str,
    /// The policy in its header.
    pub policy: Option<Policy>,
    /// What the operator says of its key.
    pub key: KeyPolicy,
    /// Whether the key may use a model, by its id or by an alias.
    pub may_use: &'a dyn Fn(&str) -> bool,
}

/// Why nothing is called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The key may not use it.
    #[error("the key may not use this model")]
    Key,
    /// It costs money, or is not known to cost none, and only free ones are wanted.
    #[error("{}", paid(.model, .nearest.as_deref(), *.is_operators))]
    Paid {
        /// The model.
        model: String,
        /// A free one of its kind.
        nearest: Option<String>,
        /// Whether the operator wants it so, not the request.
        is_operators: bool,
    },
}

fn paid(model: &str, nearest: Option<&str>, is_operators: bool) -> String {
    let who = match is_operators {
        true => "the operator of this gateway allows you free models only",
        false => "this request asks for free models only",
    };
    let instead = nearest.map(|free| format!(" `{free}` is free.")).unwrap_or_default();
    format!("The model `{model}` is not known to be free, and {who} (policy free-only).{instead}")
}

impl Rules {
    /// What may be called for `wish`, in order.
    ///
    /// # Errors
    /// [`Denied`] when nothing may.
    pub fn plan(&self, wish: &Wish<'_>, aliases: &Aliases, catalogue: &Catalogue) -> Result<Plan, Denied> {
        make::plan(self, wish, aliases, catalogue)
    }

    /// Whether the operator forbids everything paid to a key, where no model can be seen.
    pub fn forbids_paid(&self, key: KeyPolicy) -> bool {
        key.policy.unwrap_or(self.policy) == Policy::FreeOnly
    }
}

#[cfg(test)]
#[path = "policy/tests.rs"]
mod tests;
