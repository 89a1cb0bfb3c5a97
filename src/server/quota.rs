//! Quota and the rest of the gateway: limits from catalogue and configuration, the accounts' tiers, what was spent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tracing::info;

use super::budget::Spending;
use crate::api::{LimitsOf, QuotaAccess, Route};
use crate::catalog::Catalogue;
use crate::catalog::model::Kind;
use crate::config::{AccountSettings, Settings};
use crate::ledger::Charge;
use crate::quota::allowance::Allowance;
use crate::quota::estimate::Estimator;
use crate::quota::limits::Limits;
use crate::quota::meter::MeterSettings;
use crate::quota::moment::Clock;
use crate::quota::record::Record;
use crate::quota::risk::caution;
use crate::quota::spend::{MonthSpend, Spend, Standing};
use crate::quota::view::LaneView;
use crate::quota::{AccountQuota, CallerQuota, Quota, WaitedFor};
use crate::telemetry::metrics::quota::LimitGauges;
use crate::telemetry::metrics::{Metrics, OTHER};

/// What is known of one account's spending, and the tier in force.
#[derive(Debug, Clone)]
struct Account {
    settings: AccountSettings,
    spend: MonthSpend,
    standing: Standing,
}

/// The accounts that quota is kept for; see the module.
#[derive(Debug)]
pub(super) struct Accounts {
    quota: Arc<Quota>,
    known: Mutex<BTreeMap<String, Account>>,
    pub(super) spending: Spending,
    /// The one in force.
    catalogue: ArcSwap<Catalogue>,
    /// Told when an account has spent enough for a higher tier.
    pub(super) risen: Notify,
    /// What is learned about sizes.
    pub(super) estimator: Arc<Estimator>,
}

impl Accounts {
    /// The accounts of `settings`; `spent` is what an earlier life knew.
    pub(super) fn new(
        quota: Arc<Quota>,
        settings: &Settings,
        spent: &BTreeMap<String, MonthSpend>,
        spending: Spending,
    ) -> Arc<Self> {
        let catalogue = ArcSwap::new(settings.models.catalogue.clone());
        let (known, risen, estimator) = (Mutex::default(), Notify::new(), Arc::default());
        let accounts = Arc::new(Self { quota, known, spending, catalogue, risen, estimator });
        for (name, spend) in spent {
            for settings in settings.accounts.iter().filter(|settings| settings.name == *name) {
                let account = accounts.account(settings.clone(), *spend);
                accounts.known().insert(name.clone(), account);
            }
        }
        accounts.configure(settings);
        accounts
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Account>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Other settings from now on. What was spent and counted stays.
    pub(super) fn configure(&self, settings: &Settings) {
        self.catalogue.store(settings.models.catalogue.clone());
        self.spending.configure(settings);
        let mut known = self.known();
        let old = std::mem::take(&mut *known);
        for settings in &settings.accounts {
            let spend = old.get(&settings.name).map_or_else(|| MonthSpend::new(SystemTime::now()), |old| old.spend);
            known.insert(settings.name.clone(), self.account(settings.clone(), spend));
        }
    }

    /// What requests look at.
    pub(super) fn access(self: &Arc<Self>, settings: &Settings) -> QuotaAccess {
        let accounts = settings.accounts.iter().map(|account| {
            let quota = AccountQuota {
                name: account.name.as_str().into(),
                meter: meter(settings, account),
                is_governed: account.quota.is_governed,
            };
            let (accounts, name) = (self.clone(), account.name.clone());
            let limits: LimitsOf = Box::new(move |model, route| accounts.limits(&name, model, kind(route)));
            (quota, limits)
        });
        QuotaAccess {
            quota: self.quota.clone(),
            accounts: accounts.collect(),
            max_wait: settings.queue.max_wait,
            estimator: self.estimator.clone(),
            budgets: self.spending.budgets.clone(),
            allowances: allowances(settings),
            sticky: self.spending.sticky.clone(),
        }
    }

    /// The limits of `model` at the account `name`: as configured, else by the catalogue and the account's tier.
    pub(super) fn limits(&self, name: &str, model: &str, kind: Kind) -> Limits {
        let known = self.known();
        let Some(account) = known.get(name).filter(|account| account.settings.quota.is_governed) else {
            return Limits::default();
        };
        let quota = &account.settings.quota;
        let written = quota.models.get(model).copied().unwrap_or_default();
        written.or(self.catalogue.load().limits(model, kind, account.standing.tier)).share(quota.share)
    }

    /// Puts the limits of `settings` in force for what is counted already.
    pub(super) fn reconfigure(&self, settings: &Settings) {
        let caller = |name: &str| caller(settings, name);
        let limits = |name: &str, model: &str| {
            let account = settings.accounts.iter().find(|account| account.name == name)?;
            // Of a model that neither knows, only its endpoint told the class: its limits stay.
            let kind = self.catalogue.load().get(model).map(|model| model.kind);
            let is_written = account.quota.models.contains_key(model);
            let kind = kind.or(is_written.then_some(Kind::Chat))?;
            Some((meter(settings, account), self.limits(name, model, kind)))
        };
        self.quota.reconfigure(settings.queue.bounds, limits, caller);
    }

    /// Takes up what an earlier life has recorded.
    pub(super) fn restore(&self, settings: &Settings, records: Vec<Record>) {
        let limits = |name: &str, model: &str| {
            let account = settings.accounts.iter().find(|account| account.name == name)?;
            Some((meter(settings, account), self.limits(name, model, Kind::Chat)))
        };
        self.quota.restore(records, limits, |name| caller(settings, name));
    }

    /// Brings the gauges up to date.
    pub(super) fn show(&self, metrics: &Metrics) {
        metrics.quota.begin();
        for (name, account) in self.known().iter() {
            metrics.quota.tier(name, account.standing.tier.index());
        }
        self.spending.show(metrics);
        let mut waiting_for_keys = 0;
        for view in self.quota.view() {
            let (Some(account), Some(model)) = (&view.account, &view.model) else {
                waiting_for_keys += view.waiting;
                continue;
            };
            let model = metrics.model_label(model);
            if model != OTHER {
                show_lane(metrics, &view, account, model);
            }
        }
        metrics.quota.waiting("", "", WaitedFor::Key.label(), waiting_for_keys);
    }

    /// Every limit and every budget there is, with the tier of each account, as JSON.
    pub(super) fn json(&self) -> String {
        let (accounts, budgets) = (self.standings(), self.spending.view());
        serde_json::json!({"object": "list", "accounts": accounts, "budgets": budgets, "data": self.quota.view()})
            .to_string()
    }

    /// The tier of each account, and why, for people.
    pub(super) fn tiers(&self) -> Vec<String> {
        let tier = |(name, account): (&String, &Account)| match account.settings.quota.is_governed {
            true => format!("{name} {} ({})", account.standing.tier, account.standing.reason),
            false => format!("{name}: limits are not kept (rule = \"off\")"),
        };
        self.known().iter().map(tier).collect()
    }

    /// The tier of the account `name`; `None` where its limits are not kept.
    pub(super) fn tier(&self, name: &str) -> Option<&'static str> {
        let known = self.known();
        let account = known.get(name).filter(|account| account.settings.quota.is_governed)?;
        Some(account.standing.tier.label())
    }

    /// The tier of each account, and why.
    fn standings(&self) -> serde_json::Value {
        let standing = |(name, account): (&String, &Account)| {
            let Standing { tier, reason } = &account.standing;
            (name.clone(), serde_json::json!({"tier": tier.label(), "reason": reason}))
        };
        serde_json::Value::Object(self.known().iter().map(standing).collect())
    }

    /// The month may have turned: tiers that follow. Whether one changed.
    pub(super) fn review(&self) -> bool {
        let mut changed = false;
        for (name, account) in self.known().iter_mut() {
            let standing = self.standing(&account.settings, &account.spend);
            if standing.tier != account.standing.tier {
                info!(account = name, tier = %standing.tier, reason = standing.reason, "the account's tier changed");
                changed = true;
            }
            account.standing = standing;
        }
        changed
    }
}

impl Accounts {
    fn account(&self, settings: AccountSettings, spend: MonthSpend) -> Account {
        let standing = self.standing(&settings, &spend);
        Account { settings, spend, standing }
    }

    /// The tier: as written, else from what was spent.
    fn standing(&self, settings: &AccountSettings, spend: &MonthSpend) -> Standing {
        match settings.quota.tier {
            Some(tier) => Standing { tier, reason: "set in the configuration".to_owned() },
            None => spend.tier(SystemTime::now(), self.catalogue.load().thresholds()),
        }
    }
}

impl Accounts {
    /// A request is over: what it cost counts for its account's tier, which rises as soon as there is enough.
    pub(super) fn note(&self, charge: &Charge) {
        let mut known = self.known();
        let Some(account) = known.get_mut(&*charge.account) else { return };
        account.spend.add(charge.at, charge.cost);
        if self.standing(&account.settings, &account.spend).tier > account.standing.tier {
            self.risen.notify_one();
        }
    }
}

/// The limits of every model of the catalogue and of the configuration, without what is used of them, as JSON in the form
/// of the admin plane's `/limits`.
pub fn limits_of(settings: &Settings) -> serde_json::Value {
    let clock = Clock::system();
    let quota = Quota::new(clock.clone(), settings.queue.bounds, Box::new(|_| {}));
    let accounts = Accounts::new(quota, settings, &BTreeMap::new(), Spending::forgetful(clock));
    let catalogue = &settings.models.catalogue;
    let mut data = Vec::new();
    for account in &settings.accounts {
        let listed = catalogue.models().iter().filter(|model| model.status.is_served());
        let mut names: BTreeMap<&str, bool> = listed.map(|model| (model.id.as_str(), false)).collect();
        names.extend(account.quota.models.keys().map(|name| (name.as_str(), true)));
        for (model, is_written) in names {
            let kind = catalogue.get(model).map_or(Kind::Chat, |model| model.kind);
            let limits = accounts.limits(&account.name, model, kind);
            let limits: Vec<_> = limits.iter().map(|(metric, limit)| {
                serde_json::json!({"metric": metric.key(), "limit": limit.value, "source": limit.source.label()})
            }).collect();
            let name = format!("{}/{model}", account.name);
            data.push(serde_json::json!({"name": name, "account": account.name, "model": model, "is_written": is_written, "limits": limits}));
        }
    }
    serde_json::json!({"object": "list", "accounts": accounts.standings(), "data": data})
}

/// What the accounts may spend, for those that may not spend everything.
fn allowances(settings: &Settings) -> Vec<(Arc<str>, Allowance)> {
    let limited = settings.accounts.iter().filter(|account| !account.allowance.is_endless());
    limited.map(|account| (account.name.as_str().into(), account.allowance)).collect()
}

/// The limits of the key `name`, if it is in the configuration.
fn caller(settings: &Settings, name: &str) -> Option<CallerQuota> {
    let key = settings.keys.iter().find(|(_, tenant)| &*tenant.name == name);
    key.map(|(_, tenant)| tenant.quota.clone())
}

fn show_lane(metrics: &Metrics, view: &LaneView, account: &str, model: &str) {
    let limits = view.limits.iter().map(|limit| Some(limit.metric));
    for reason in limits.chain([None]) {
        let count = view.waiting_for.iter().filter(|own| **own == reason).count();
        let reason = reason.map_or(WaitedFor::Turn, WaitedFor::Limit);
        metrics.quota.waiting(account, model, reason.label(), count);
    }
    for limit in &view.limits {
        metrics.quota.limit(&LimitGauges {
            account,
            model,
            metric: limit.metric.key(),
            source: limit.source.label(),
            limit: limit.limit,
            used: limit.used,
            reserved: limit.reserved,
        });
    }
}

/// How the upstream counts for `account`.
pub(super) fn meter(settings: &Settings, account: &AccountSettings) -> MeterSettings {
    MeterSettings { caution: caution(settings.queue.risk), ..account.quota.meter }
}

/// What a model is that only its endpoint tells about.
fn kind(route: Route) -> Kind {
    match route {
        Route::Embeddings => Kind::Embedding,
        Route::Rerank => Kind::Rerank,
        Route::Images => Kind::Image,
        Route::Speech => Kind::Tts,
        Route::Transcriptions => Kind::Asr,
        _ => Kind::Chat,
    }
}
