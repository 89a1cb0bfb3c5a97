//! What was measured, how it is put into tables, and the verdict against the bars. Pure: numbers in, text out.

use std::fmt::Write as _;

use crate::protocol::Protocol;

/// Who served the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The upstream, called without anything between.
    Direct,
    /// nginx with `proxy_pass`.
    Nginx,
    /// The gateway.
    Flowgate,
    /// The gateway without limits and without keeping count of them.
    Ungoverned,
    /// The gateway without limits, keys and ledger.
    Bare,
    /// The gateway, asked for the same stream in another protocol.
    Translated(Protocol),
}

impl Side {
    /// The name in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Flowgate => "flowgate",
            Self::Ungoverned => "flowgate, limits off",
            Self::Bare => "flowgate, all off",
            Self::Translated(Protocol::Responses) => "flowgate, Responses",
            Self::Translated(Protocol::Messages) => "flowgate, Messages",
            Self::Translated(Protocol::Chat) => "flowgate, chat",
        }
    }
}

/// A bar of the product: what must be, and what would be better.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    /// At most this, or the bar is missed.
    pub(crate) must: f64,
    /// At most this is the goal, where there is one beyond the bar.
    pub(crate) goal: Option<f64>,
}

/// CPU of one kind of request, each round in turn.
pub(crate) struct Cost {
    /// What a request was.
    pub(crate) work: &'static str,
    /// The bar for flowgate's ratio to nginx, if this work has one.
    pub(crate) bar: Option<Bar>,
    /// One entry for each side.
    pub(crate) sides: Vec<(Side, Vec<Round>)>,
}

/// One round of one side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// CPU for one request, microseconds; `None` where there is no proxy.
    pub(crate) cpu_us: Option<f64>,
    /// Requests in a second.
    pub(crate) rate: f64,
    /// Share of the time wanted on the core that something else had it.
    pub(crate) waited: Option<f64>,
    /// Socket reads by the caller for one answer.
    pub(crate) reads: f64,
}

impl Round {
    /// What the turns of a round, all of the same number of requests, come to.
    pub(crate) fn of(turns: &[Self]) -> Self {
        let count = turns.len() as f64;
        let mean = |part: fn(&Self) -> Option<f64>| Some(turns.iter().map(part).sum::<Option<f64>>()? / count);
        let seconds: f64 = turns.iter().map(|turn| turn.rate.recip()).sum();
        Self {
            cpu_us: mean(|turn| turn.cpu_us),
            rate: count / seconds,
            waited: mean(|turn| turn.waited),
            reads: mean(|turn| Some(turn.reads)).unwrap_or_default(),
        }
    }
}

/// Latency of one kind at concurrency 1.
pub(crate) struct Latency {
    /// What was timed.
    pub(crate) what: &'static str,
    /// The bars for what flowgate adds to the median and to the 99th percentile, microseconds.
    pub(crate) bars: Option<(f64, f64)>,
    /// One entry for each side: the samples of every round, nanoseconds.
    pub(crate) sides: Vec<(Side, Vec<Vec<u64>>)>,
}

/// Resident memory of one side, KiB.
pub(crate) struct Memory {
    /// Whose.
    pub(crate) side: Side,
    /// Right after the start.
    pub(crate) idle: u64,
    /// After all requests and streams.
    pub(crate) after_load: u64,
    /// The highest while the slow streams were open.
    pub(crate) streaming: u64,
    /// Some time after the last of them ended.
    pub(crate) after_streams: u64,
    /// How many slow streams.
    pub(crate) streams: usize,
}

/// Everything.
#[derive(Default)]
pub(crate) struct Report {
    /// Lines about machine and versions: name and value.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// CPU.
    pub(crate) costs: Vec<Cost>,
    /// Time.
    pub(crate) latencies: Vec<Latency>,
    /// Memory.
    pub(crate) memory: Vec<Memory>,
    /// The bar for idle memory, MiB.
    pub(crate) memory_bar: f64,
    /// What a reader should know before believing the numbers.
    pub(crate) warnings: Vec<String>,
}

/// One line of the verdict.
pub(crate) struct Verdict {
    what: String,
    measured: f64,
    bar: Bar,
    unit: &'static str,
}

impl Verdict {
    /// Whether the bar is reached.
    pub(crate) fn is_met(&self) -> bool {
        self.measured <= self.bar.must
    }
}

impl Report {
    /// Holds flowgate against the bars; empty if flowgate did not run.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for cost in &self.costs {
            if let (Some(bar), Some(ratio)) = (cost.bar, ratio(cost, Side::Flowgate)) {
                verdicts.push(Verdict {
                    what: format!("CPU, {}", cost.work),
                    measured: ratio.median,
                    bar,
                    unit: "× nginx",
                });
            }
        }
        for (what, side, other, unit) in COMPARED {
            for cost in self.costs.iter().filter(|cost| cost.bar.is_some()) {
                if let Some(ratio) = ratio_to(cost, side, other) {
                    let bar = Bar { must: NINE_TENTHS, goal: None };
                    let what = format!("{what}, {}", cost.work);
                    verdicts.push(Verdict { what, measured: ratio.median, bar, unit });
                }
            }
        }
        for (cost, protocol) in self.costs.iter().flat_map(|cost| TRANSLATED.map(|protocol| (cost, protocol))) {
            if let Some(ratio) = ratio_to(cost, Side::Translated(protocol), Side::Flowgate) {
                let bar = Bar { must: TRANSLATING, goal: None };
                let what = format!("translating, {} as {protocol:?}", cost.work);
                verdicts.push(Verdict { what, measured: ratio.median, bar, unit: "× passed through" });
            }
        }
        for latency in &self.latencies {
            let (Some((p50, p99)), Some(added)) = (latency.bars, added(latency, Side::Flowgate)) else {
                continue;
            };
            for (name, measured, must) in [("p50", added.p50.median, p50), ("p99", added.p99.median, p99)] {
                let what = format!("added {name}, {}", latency.what);
                verdicts.push(Verdict { what, measured, bar: Bar { must, goal: None }, unit: "µs" });
            }
        }
        for memory in self.memory.iter().filter(|memory| memory.side == Side::Flowgate) {
            let bar = Bar { must: self.memory_bar, goal: None };
            verdicts.push(Verdict { what: "memory, idle".to_owned(), measured: mib(memory.idle), bar, unit: "MiB" });
        }
        verdicts
    }

    /// The tables, in Markdown that also reads well on a terminal.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        self.facts_table(&mut text);
        self.cost_table(&mut text);
        self.latency_table(&mut text);
        self.memory_table(&mut text);
        self.verdict_table(&mut text);
        if !self.warnings.is_empty() {
            text.push_str("\n## Warnings\n\n");
            self.warnings.iter().for_each(|warning| push(&mut text, format_args!("* {warning}\n")));
        }
        text
    }

    fn facts_table(&self, text: &mut String) {
        let rows = self.facts.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
        table(text, &["what", "value"], rows);
    }

    fn cost_table(&self, text: &mut String) {
        text.push_str("\n## CPU of the proxy\n\n");
        let mut rows = Vec::new();
        for cost in &self.costs {
            for (side, rounds) in &cost.sides {
                let cpu = Spread::of(rounds.iter().filter_map(|round| round.cpu_us));
                let waited = Spread::of(rounds.iter().filter_map(|round| round.waited));
                rows.push(vec![
                    cost.work.to_owned(),
                    side.name().to_owned(),
                    cpu.map_or_else(dash, |cpu| cpu.show(1)),
                    ratio(cost, *side).map_or_else(dash, |ratio| ratio.show(2)),
                    Spread::of(rounds.iter().map(|round| round.rate))
                        .map_or_else(dash, |rate| format!("{:.0}", rate.median)),
                    waited.map_or_else(dash, |waited| format!("{:.1} %", waited.median * 100.0)),
                    Spread::of(rounds.iter().map(|round| round.reads))
                        .map_or_else(dash, |reads| format!("{:.1}", reads.median)),
                ]);
            }
        }
        table(text, &["request", "by", "CPU µs each", "× nginx", "per second", "core taken", "reads each"], rows);
    }

    fn latency_table(&self, text: &mut String) {
        text.push_str("\n## Latency at concurrency 1, µs\n\n");
        let mut rows = Vec::new();
        for latency in &self.latencies {
            for (side, rounds) in &latency.sides {
                let mut all = rounds.concat();
                all.sort_unstable();
                let added = added(latency, *side);
                rows.push(vec![
                    latency.what.to_owned(),
                    side.name().to_owned(),
                    format!("{:.1}", micros(percentile(&all, 50))),
                    format!("{:.1}", micros(percentile(&all, 99))),
                    added.as_ref().map_or_else(dash, |added| added.p50.show(1)),
                    added.as_ref().map_or_else(dash, |added| added.p99.show(1)),
                    all.len().to_string(),
                ]);
            }
        }
        table(text, &["what", "by", "p50", "p99", "added p50", "added p99", "samples"], rows);
    }

    fn memory_table(&self, text: &mut String) {
        text.push_str("\n## Resident memory, MiB\n\n");
        let rows = self.memory.iter().map(|memory| {
            vec![
                memory.side.name().to_owned(),
                format!("{:.1}", mib(memory.idle)),
                format!("{:.1}", mib(memory.after_load)),
                memory.streams.to_string(),
                format!("{:.1}", mib(memory.streaming)),
                format!("{:.1}", mib(memory.after_streams)),
            ]
        });
        table(text, &["of", "idle", "after load", "slow streams", "with them open", "after them"], rows.collect());
    }

    fn verdict_table(&self, text: &mut String) {
        let verdicts = self.verdicts();
        if verdicts.is_empty() {
            return;
        }
        text.push_str("\n## Verdict\n\n");
        let rows = verdicts.iter().map(|verdict| {
            let word = match (verdict.is_met(), verdict.bar.goal) {
                (false, _) => "MISSED",
                (true, Some(goal)) if verdict.measured <= goal => "met, goal too",
                (true, _) => "met",
            };
            vec![
                verdict.what.clone(),
                format!("{:.2} {}", verdict.measured, verdict.unit),
                format!("{} {}", (verdict.bar.must * 100.0).round() / 100.0, verdict.unit),
                verdict.bar.goal.map_or_else(dash, |goal| goal.to_string()),
                word.to_owned(),
            ]
        });
        table(text, &["bar", "measured", "at most", "goal", "verdict"], rows.collect());
    }
}

/// The middle and the ends of a few numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// Of any finite numbers; `None` if there are none.
    fn of(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { median, least, most })
    }

    /// Median, and the range in parentheses.
    fn show(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.least, self.most)
    }
}

/// What a side adds to the direct call.
struct Added {
    p50: Spread,
    p99: Spread,
}

/// The added percentiles of each round, summed up; `None` for the direct call itself.
fn added(latency: &Latency, side: Side) -> Option<Added> {
    let rounds_of = |wanted| latency.sides.iter().find(|(side, _)| *side == wanted).map(|(_, rounds)| rounds);
    let (direct, other) = (rounds_of(Side::Direct)?, rounds_of(side)?);
    let of = |percent| {
        Spread::of(direct.iter().zip(other).map(|(direct, other)| {
            let at = |samples: &Vec<u64>| {
                let mut sorted = samples.clone();
                sorted.sort_unstable();
                micros(percentile(&sorted, percent))
            };
            at(other) - at(direct)
        }))
    };
    (side != Side::Direct).then_some(Added { p50: of(50)?, p99: of(99)? })
}

/// CPU with something on over CPU with it off: at least 90 % of the throughput (`product.md` section 2, read 2026-11-21).
const NINE_TENTHS: f64 = 1.0 / 0.9;

/// What is on, who has it, and who has not.
const COMPARED: [(&str, Side, Side, &str); 3] = [
    ("governing", Side::Flowgate, Side::Ungoverned, "× limits off"),
    ("keys and ledger", Side::Ungoverned, Side::Bare, "× all off"),
    ("everything", Side::Flowgate, Side::Bare, "× all off"),
];

/// CPU of a translated stream over that of one that passes.
const TRANSLATING: f64 = 2.0;

/// The protocols that are translated.
pub(crate) const TRANSLATED: [Protocol; 2] = [Protocol::Responses, Protocol::Messages];

/// A side's CPU over nginx's, round by round; `None` where either has none.
fn ratio(cost: &Cost, side: Side) -> Option<Spread> {
    ratio_to(cost, side, Side::Nginx)
}

/// A side's CPU over another's, round by round; `None` where either has none.
fn ratio_to(cost: &Cost, side: Side, other: Side) -> Option<Spread> {
    let rounds_of = |wanted| cost.sides.iter().find(|(side, _)| *side == wanted).map(|(_, rounds)| rounds);
    let pairs = rounds_of(side)?.iter().zip(rounds_of(other)?);
    Spread::of(pairs.filter_map(|(own, other)| Some(own.cpu_us? / other.cpu_us?)))
}

/// The value that so many percent of the sorted samples do not exceed (nearest rank); 0 if there are none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

/// Nanoseconds as microseconds.
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

/// KiB as MiB.
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// What stands where there is nothing to say.
fn dash() -> String {
    "–".to_owned()
}

/// Appends to text, which cannot fail.
fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

/// A Markdown table whose columns line up.
fn table(text: &mut String, titles: &[&str], rows: Vec<Vec<String>>) {
    let length = |cell: &str| cell.chars().count();
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(column, title)| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max().unwrap_or(0).max(length(title))
        })
        .collect();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        for (cell, width) in cells.zip(&widths) {
            push(text, format_args!("| {cell}{} ", " ".repeat(width.saturating_sub(length(&cell)))));
        }
        text.push_str("|\n");
    };
    line(&mut titles.iter().map(|title| (*title).to_owned()));
    line(&mut widths.iter().map(|width| "-".repeat(*width)));
    rows.into_iter().for_each(|row| line(&mut row.into_iter()));
}
