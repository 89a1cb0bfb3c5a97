//! Budgets and the rest of the gateway: whose there are by the configuration, and how they are shown.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::Settings;
use crate::quota::allowance::{Allowance, Cap};
use crate::quota::budget::{BudgetView, Budgets, Claim, Scope, Unit};
use crate::quota::moment::Clock;
use crate::quota::money::Money;
use crate::quota::sticky::Sticky;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::budget::BudgetGauges;
use crate::tenant::Tenant;

/// What requests look at when they cost something, or may go from free to paid.
#[derive(Debug, Clone)]
pub(super) struct Spending {
    /// What may be spent.
    pub(super) budgets: Arc<Budgets>,
    /// Where conversations were served last.
    pub(super) sticky: Arc<Sticky>,
    /// Every budget there is.
    claims: Arc<ArcSwap<Vec<Claim>>>,
}

impl Spending {
    /// Of a gateway whose money is counted by `budgets`.
    pub(super) fn new(clock: Clock, budgets: Arc<Budgets>) -> Self {
        Self { budgets, sticky: Arc::new(Sticky::new(clock)), claims: Arc::default() }
    }

    /// One that nobody spends anything of.
    pub(super) fn forgetful(clock: Clock) -> Self {
        Self::new(clock.clone(), Budgets::new(clock))
    }

    /// Other budgets from now on. What was spent stays.
    pub(super) fn configure(&self, settings: &Settings) {
        self.claims.store(Arc::new(claims(settings.keys.iter().map(|(_, tenant)| tenant), settings)));
    }

    /// Every budget of which nobody has told yet what is spent of it.
    pub(super) fn unknown(&self) -> Vec<Scope> {
        let claims = self.claims.load();
        claims.iter().map(|claim| claim.scope.clone()).filter(|scope| !self.budgets.knows(scope)).collect()
    }

    /// How far every budget is used.
    pub(super) fn view(&self) -> Vec<BudgetView> {
        // An account that never spilled has nothing to show.
        let is_shown = |claim: &&Claim| !matches!(claim.scope, Scope::Spill(_)) || self.budgets.knows(&claim.scope);
        let shown: Vec<Claim> = self.claims.load().iter().filter(is_shown).cloned().collect();
        self.budgets.view(&shown)
    }

    /// Brings the gauges up to date.
    pub(super) fn show(&self, metrics: &Metrics) {
        metrics.budgets.begin();
        for view in self.view() {
            let shown = |value| shown(view.unit, value);
            metrics.budgets.show(&BudgetGauges {
                scope: view.scope.label(),
                name: view.scope.name(),
                period: view.period.label(),
                unit: view.unit.label(),
                limit: shown(view.limit),
                spent: shown(view.spent),
                held: shown(view.held),
            });
            if let Scope::Spill(account) = &view.scope {
                let micros = |picos| Money::from_picos_cny(picos).micros_cny();
                metrics.policy.spill(account, micros(view.held), micros(view.spent));
            }
        }
    }
}

/// Every budget of `keys`, their teams and the accounts, each once.
fn claims<'a>(keys: impl Iterator<Item = &'a Tenant>, settings: &Settings) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut add = |scope, allowance: Allowance| {
        let claim = Claim { scope, allowance };
        if !allowance.is_endless() && !claims.contains(&claim) {
            claims.push(claim);
        }
    };
    let money = Some(settings.policy.spill.budget_per_day);
    let spill = Allowance { day: Cap { money, tokens: None }, ..Allowance::default() };
    for account in &settings.accounts {
        let name: Arc<str> = account.name.as_str().into();
        add(Scope::Account(name.clone()), account.allowance);
        add(Scope::Spill(name), spill);
    }
    for tenant in keys {
        tenant.team.iter().for_each(|team| add(Scope::Team(team.name.clone()), team.allowance));
        add(Scope::Key(tenant.name.clone()), tenant.allowance);
    }
    claims
}

/// Pico-CNY as CNY, tokens as they are.
fn shown(unit: Unit, value: u64) -> f64 {
    match unit {
        Unit::Money => value as f64 / 1e12,
        Unit::Tokens => value as f64,
    }
}
