//! Which accounting rule the upstream keeps, judged by what it refuses.
//!
//! Every rule counts the same requests on the side. A rule that would have refused what was refused is right; one that
//! would have refused what went through is wrong. Until the first refusal the default is believed: a rolling minute never
//! holds more than a fixed one or a bucket would, so only the moment of charging can surprise.

use std::collections::HashMap;

use super::ask::{Ask, Spent};
use super::limits::Limits;
use super::meter::{Meter, MeterSettings, Taken};
use super::metric::Metric;
use super::moment::Now;
use super::rule::{Accounting, Charge, Rule};

/// Every rule there is, the default first.
pub const ALL: [Accounting; 6] = {
    const fn with(rule: Rule, charge: Charge) -> Accounting {
        Accounting { rule, charge }
    }
    [
        with(Rule::Sliding, Charge::After),
        with(Rule::Sliding, Charge::Before),
        with(Rule::Fixed, Charge::After),
        with(Rule::Bucket, Charge::After),
        with(Rule::Fixed, Charge::Before),
        with(Rule::Bucket, Charge::Before),
    ]
};

/// One rule on trial.
#[derive(Debug)]
struct Hypothesis {
    shadow: Meter,
    /// Refusals foretold, less those not foretold and those foretold that did not come.
    score: i64,
}

/// What each rule said of one request when it was sent.
#[derive(Debug)]
struct Witness {
    taken: [Taken; 6],
    foretold: [[bool; 7]; 6],
}

/// See the module.
#[derive(Debug)]
pub struct Hypotheses {
    rules: [Hypothesis; 6],
    witnesses: HashMap<u64, Witness>,
}

impl Hypotheses {
    /// All rules, none better than another.
    pub fn new(settings: MeterSettings, limits: Limits) -> Self {
        let rules = ALL.map(|accounting| Hypothesis {
            shadow: Meter::new(MeterSettings { accounting, ..settings }, limits),
            score: 0,
        });
        Self { rules, witnesses: HashMap::new() }
    }

    /// Other limits from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.rules.iter_mut().for_each(|rule| rule.shadow.set_limits(limits));
    }

    /// A request is sent.
    pub fn took(&mut self, id: u64, now: Now, ask: &Ask) {
        let foretold =
            self.rules.each_ref().map(|rule| Metric::ALL.map(|metric| rule.shadow.refuses(metric, now, ask)));
        let taken = self.rules.each_mut().map(|rule| rule.shadow.take(now, ask));
        self.witnesses.insert(id, Witness { taken, foretold });
    }

    /// A request is over; it was not refused.
    pub fn settled(&mut self, id: u64, now: Now, spent: Spent) {
        let Some(witness) = self.witnesses.remove(&id) else { return };
        for ((rule, taken), foretold) in self.rules.iter_mut().zip(&witness.taken).zip(witness.foretold) {
            rule.shadow.settle(now, taken, spent);
            rule.score -= i64::from(spent != Spent::Nothing && foretold.contains(&true));
        }
    }

    /// A request was refused because of `metric`. The rule to believe in from now on, and whether it foretold this.
    pub fn refused(&mut self, id: u64, now: Now, metric: Metric, believed: Accounting) -> (Accounting, bool) {
        let Some(witness) = self.witnesses.remove(&id) else { return (believed, false) };
        for ((rule, taken), foretold) in self.rules.iter_mut().zip(&witness.taken).zip(witness.foretold) {
            rule.shadow.settle(now, taken, Spent::Exactly(Default::default()));
            rule.score += if foretold[metric.index()] { 1 } else { -1 };
        }
        let score = |index: usize| self.rules[index].score;
        let old = ALL.iter().position(|rule| *rule == believed).unwrap_or(0);
        // Of equals the first: `max_by_key` would give the last.
        let best = (0..ALL.len()).rev().max_by_key(|index| score(*index)).unwrap_or(old);
        let winner = if score(best) > score(old) { best } else { old };
        (ALL[winner], witness.foretold[winner][metric.index()])
    }
}
