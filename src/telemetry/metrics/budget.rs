//! Metrics of budgets. Gauges are set when the page is asked for.

use prometheus::{GaugeVec, IntCounterVec};

use super::Families;

/// Every value of the label `result`.
pub const WEBHOOK_RESULTS: &[&str] = &["ok", "failed", "dropped"];

/// See the module.
#[derive(Debug)]
pub struct BudgetMetrics {
    limit: GaugeVec,
    spent: GaugeVec,
    held: GaugeVec,
    refusals: IntCounterVec,
    webhooks: IntCounterVec,
}

/// One budget, as gauges. Money is in CNY.
#[derive(Debug, Clone, Copy)]
pub struct BudgetGauges<'a> {
    /// Whose: `key`, `team`, `account`, `spill`.
    pub scope: &'static str,
    /// Its name, from the configuration.
    pub name: &'a str,
    /// `day` or `month`.
    pub period: &'static str,
    /// `cny` or `tokens`.
    pub unit: &'static str,
    /// Most that may be spent.
    pub limit: f64,
    /// What was spent.
    pub spent: f64,
    /// What requests under way hold.
    pub held: f64,
}

impl BudgetMetrics {
    pub(super) fn new(new: &Families) -> prometheus::Result<Self> {
        const BUDGET: &[&str] = &["scope", "name", "period", "unit"];
        Ok(Self {
            limit: new.float_gauges("flowgate_budget_limit", "Most that may be spent in this day or month.", BUDGET)?,
            spent: new.float_gauges("flowgate_budget_spent", "What was spent in this day or month.", BUDGET)?,
            held: new.float_gauges("flowgate_budget_held", "What requests under way hold of a budget.", BUDGET)?,
            refusals: new.counters(
                "flowgate_budget_refusals_total",
                "Requests that were refused, and streams that were ended, because a budget was used up.",
                &["scope", "period", "unit"],
            )?,
            webhooks: new.counters(
                "flowgate_budget_webhooks_total",
                "Messages about budgets, by what became of them.",
                &["result"],
            )?,
        })
    }

    pub(super) fn initialise(&self) {
        WEBHOOK_RESULTS.iter().for_each(|result| drop(self.webhooks.with_label_values(&[*result])));
    }

    /// Forgets all gauges: those that are still true are set again.
    pub fn begin(&self) {
        [&self.limit, &self.spent, &self.held].into_iter().for_each(GaugeVec::reset);
    }

    /// Sets the gauges of one budget.
    pub fn show(&self, gauges: &BudgetGauges<'_>) {
        let labels = [gauges.scope, gauges.name, gauges.period, gauges.unit];
        self.limit.with_label_values(&labels).set(gauges.limit);
        self.spent.with_label_values(&labels).set(gauges.spent);
        self.held.with_label_values(&labels).set(gauges.held);
    }

    /// Counts a request that a budget had no room for, or a stream.
    pub fn refused(&self, scope: &'static str, period: &'static str, unit: &'static str) {
        self.refusals.with_label_values(&[scope, period, unit]).inc();
    }

    /// Counts a message by what became of it, one of [`WEBHOOK_RESULTS`].
    pub fn webhook(&self, result: &'static str) {
        self.webhooks.with_label_values(&[result]).inc();
    }
}
