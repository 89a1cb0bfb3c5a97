//! What is to be said of each account's tier: which one it is and why, and what a running gateway has seen that contradicts
//! it. Must not know how a gateway is asked: what its `/limits` said is handed in.

use std::collections::BTreeMap;

use serde_json::Value;

use super::quota::limits_of;
use crate::config::{AccountSettings, Settings};
use crate::quota::doubt::{Doubt, Learned};
use crate::quota::limits::Source;
use crate::quota::metric::Metric;
use crate::quota::tier::Tier;

/// One account's tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierView {
    /// Name of the account.
    pub account: String,
    /// The tier, its reason and what speaks against it, for people.
    pub text: String,
    /// Whether something speaks against it.
    pub is_doubtful: bool,
}

/// The tier of each account; `live` is what the gateway that runs with these settings says of its limits.
pub fn tiers_of(settings: &Settings, live: Option<&Value>) -> Vec<TierView> {
    let given = Given::of(settings, live);
    settings.accounts.iter().map(|account| view(account, live, &given)).collect()
}

fn view(account: &AccountSettings, live: Option<&Value>, given: &Given) -> TierView {
    let name = account.name.clone();
    let calm = |text: String| TierView { account: name.clone(), text: format!("{name}: {text}"), is_doubtful: false };
    if !account.quota.is_governed {
        return calm("limits are not kept (rule = \"off\")".to_owned());
    }
    let standing = live.map(|live| &live["accounts"][&name]);
    let known = standing.and_then(|standing| Some((tier_of(standing)?, standing["reason"].as_str().unwrap_or("?"))));
    let Some((tier, reason)) = known else {
        let tier = account.quota.tier.map_or("auto".to_owned(), |tier| format!("{tier}, set in the configuration"));
        let needed = "what the ledger and SiliconFlow's refusals say of it is asked of a gateway that runs: start one";
        return calm(format!("{tier}; {needed}"));
    };
    let learned = live.map(|live| given.learned(&name, live)).unwrap_or_default();
    match Doubt::of(tier, &learned) {
        None => calm(format!("{tier} ({reason})")),
        Some(doubt) => TierView { is_doubtful: true, ..calm(format!("{tier} ({reason}), but {doubt}")) },
    }
}

fn tier_of(standing: &Value) -> Option<Tier> {
    standing["tier"].as_str()?.parse().ok()
}

/// What each tier would give, by account, model and metric.
struct Given(BTreeMap<(String, String, Metric), [u64; 6]>);

impl Given {
    fn of(settings: &Settings, live: Option<&Value>) -> Self {
        let mut given = BTreeMap::<_, [u64; 6]>::new();
        // Without anything learned nobody will ask.
        for tier in Tier::ALL.into_iter().filter(|_| live.is_some()) {
            let mut settings = settings.clone();
            settings.accounts.iter_mut().for_each(|account| account.quota.tier = Some(tier));
            for (place, limit, _) in limits(&limits_of(&settings)) {
                given.entry(place).or_default()[tier.index()] = limit;
            }
        }
        Self(given)
    }

    /// What `live` says was learned of the account `name`. Of a model that the catalogue does not know no tier says anything.
    fn learned(&self, name: &str, live: &Value) -> Vec<Learned> {
        limits(live)
            .filter(|((account, ..), _, source)| account == name && source == Source::Learned.label())
            .filter_map(|(place, value, _)| {
                let at = *self.0.get(&place)?;
                let (_, model, metric) = place;
                Some(Learned { model, metric, value, at })
            })
            .collect()
    }
}

/// Every limit in the form of `/limits`: account, model and metric, its number, where that comes from.
fn limits(list: &Value) -> impl Iterator<Item = ((String, String, Metric), u64, String)> + '_ {
    let lanes = list["data"].as_array().into_iter().flatten();
    lanes.flat_map(|lane| lane["limits"].as_array().into_iter().flatten().map(move |limit| (lane, limit))).filter_map(
        |(lane, limit)| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let place = (text(&lane["account"])?, text(&lane["model"])?, Metric::parse(limit["metric"].as_str()?)?);
            Some((place, limit["limit"].as_u64()?, text(&limit["source"])?))
        },
    )
}
