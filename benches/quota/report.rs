//! Tables for people, and what has to be said beside them.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use crate::simulate::Outcome;

/// Least part of the quota to be used, and most refusals until something is learned: product.md section 2, read 2026-11-21.
const LEAST_USED: f64 = 0.95;
const MOST_REFUSED: u64 = 10;

/// One line.
pub(crate) struct Row {
    pub(crate) rule: &'static str,
    pub(crate) charge: &'static str,
    pub(crate) limit: &'static str,
    pub(crate) outcome: Outcome,
}

/// Everything.
pub(crate) struct Report {
    facts: Vec<(&'static str, String)>,
    pub(crate) known: Vec<Row>,
    pub(crate) unknown: Vec<Row>,
    pub(crate) high: Vec<Row>,
    pub(crate) low: Vec<Row>,
    pub(crate) real: Vec<Row>,
}

impl Row {
    /// The part of the quota that was used: the level, for a window that rolls and for what is charged before; a minute by
    /// the clock or a bucket that is charged after is used up when all of it was billed, whenever that was.
    fn used(&self) -> f64 {
        match (self.rule, self.charge) {
            ("sliding", _) | ("fixed", "before") => self.outcome.level,
            _ => self.outcome.level.max(self.outcome.share),
        }
    }

    fn name(&self) -> Vec<String> {
        vec![self.rule.to_owned(), self.charge.to_owned(), self.limit.to_owned()]
    }

    fn wait(&self, part: f64) -> String {
        let mut waits = self.outcome.waits.clone();
        waits.sort_unstable();
        let at = ((waits.len() as f64 * part) as usize).min(waits.len().saturating_sub(1));
        format!("{:.1}", waits.get(at).copied().unwrap_or(Duration::ZERO).as_secs_f64())
    }

    fn steady(&self) -> Vec<String> {
        let Outcome { refused_upstream, level, share, peak, over, served, door, failed, leaks, .. } = &self.outcome;
        let is_met = *refused_upstream == 0 && self.used() >= LEAST_USED && *leaks == 0 && *failed == 0;
        let mut cells = self.name();
        cells.extend([
            refused_upstream.to_string(),
            percent(self.used()),
            percent(*level),
            percent(*share),
            percent(*peak),
            percent(*over),
            self.wait(0.5),
            self.wait(0.99),
            served.to_string(),
            door.to_string(),
            leaks.to_string(),
            if is_met { "met" } else { "MISSED" }.to_owned(),
        ]);
        cells
    }

    fn learning(&self) -> Vec<String> {
        let Outcome { refused_upstream, refused_late, failed, believed, accounting, .. } = &self.outcome;
        let is_met = *refused_upstream <= MOST_REFUSED && *failed == 0;
        let mut cells = self.name();
        cells.extend([
            refused_upstream.to_string(),
            refused_late.to_string(),
            failed.to_string(),
            percent(self.used()),
            format!("{} {}", accounting.rule.label(), accounting.charge.label()),
            believed.to_string(),
            if is_met { "met" } else { "MISSED" }.to_owned(),
        ]);
        cells
    }
}

impl Report {
    pub(crate) fn new() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let cpu = read("/proc/cpuinfo");
        let cpu =
            cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim());
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let flags: Vec<String> = std::env::args().skip(1).filter(|flag| flag != "--bench").collect();
        let command = match flags.is_empty() {
            true => "cargo bench --bench quota".to_owned(),
            false => format!("cargo bench --bench quota -- {}", flags.join(" ")),
        };
        let facts = vec![
            ("date", httpdate::fmt_http_date(SystemTime::now())),
            ("machine", format!("{cores} cores, {}", cpu.unwrap_or("model unknown"))),
            ("kernel", read("/proc/sys/kernel/osrelease")),
            ("load before", read("/proc/loadavg")),
            ("command", command),
        ];
        Self { facts, known: vec![], unknown: vec![], high: vec![], low: vec![], real: vec![] }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("# Quota benchmark, {}\n\n", today());
        table(
            &mut text,
            &["what", "value"],
            self.facts.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]),
        );
        text.push_str("\n## Rule and limit known, simulated time\n\n");
        table(&mut text, &STEADY, self.known.iter().map(Row::steady));
        if !self.real.is_empty() {
            text.push_str("\n## Rule and limit known, real time through sockets\n\n");
            table(&mut text, &STEADY, self.real.iter().map(Row::steady));
            for Row { limit, outcome: Outcome { returned, kept, .. }, .. } in &self.real {
                if *returned > 0 {
                    let _ = write!(
                        text,
                        "\n{limit}: {returned} came back when they were told to; {kept} of them waited 1 s at most.\n"
                    );
                }
            }
        }
        let parts = [
            ("Rule not known (`rule = \"learn\"`)", &self.unknown),
            ("Limit thought to be twice what it is", &self.high),
            ("Limit thought to be half of what it is", &self.low),
        ];
        for (title, rows) in parts {
            let _ = write!(text, "\n## {title}, simulated time\n\n");
            table(&mut text, &LEARNING, rows.iter().map(Row::learning));
        }
        text.push_str(&self.missed());
        text.push_str(METHOD);
        text
    }

    /// What did not reach its bar, in one list.
    fn missed(&self) -> String {
        let steady = self.known.iter().chain(&self.real).map(|row| (row, row.steady()));
        let learning = self.unknown.iter().chain(&self.high).chain(&self.low).map(|row| (row, row.learning()));
        let missed: Vec<String> = steady
            .chain(learning)
            .filter(|(_, cells)| cells.last().is_some_and(|verdict| verdict == "MISSED"))
            .map(|(row, _)| {
                let (used, refused) = (percent(row.used()), row.outcome.refused_upstream);
                format!("* {} {} {}: {refused} refused, {used} used\n", row.rule, row.charge, row.limit)
            })
            .collect();
        let none = vec!["* nothing\n".to_owned()];
        format!("\n## Missed bars\n\n{}", if missed.is_empty() { none } else { missed }.concat())
    }
}

const STEADY: [&str; 15] = [
    "rule",
    "charge",
    "limit",
    "429s",
    "used",
    "level",
    "billed",
    "peak",
    "over",
    "wait p50 s",
    "p99 s",
    "served",
    "at the door",
    "leaks",
    "bar",
];
const LEARNING: [&str; 10] = [
    "rule",
    "charge",
    "limit",
    "429s",
    "in the second half",
    "seen by callers",
    "used",
    "rule believed",
    "limit believed",
    "bar",
];

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

/// Today's date in UTC, as 2026-11-21.
pub(crate) fn today() -> String {
    // "Sat, 21 Nov 2026 19:00:05 GMT": the only date that the crates at hand write.
    let http = httpdate::fmt_http_date(SystemTime::now());
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = http.split_whitespace().collect();
    let [_, day, month, year, ..] = parts[..] else {
        return http;
    };
    let month = months.iter().position(|name| *name == month).map_or(0, |at| at + 1);
    format!("{year}-{month:02}-{day}")
}

fn table(text: &mut String, titles: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    let length = |cell: &str| cell.chars().count();
    let width =
        |column: usize| rows.iter().map(|row| length(&row[column])).max().unwrap_or(0).max(length(titles[column]));
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let mut line = |cells: Vec<String>| {
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "| {cell}{} ", " ".repeat(width.saturating_sub(length(cell))));
        }
        text.push_str("|\n");
    };
    line(titles.iter().map(|title| (*title).to_owned()).collect());
    line(widths.iter().map(|width| "-".repeat(*width)).collect());
    rows.into_iter().for_each(line);
}

/// How the numbers came about, for those who read only the result.
const METHOD: &str = "
## How it was measured

* **Offered**: twice the quota, at random moments (Poisson), from ten keys. Prompts and answers are lognormal (means 1,000 and 500
  tokens, sigma 1; prompts up to 16,000), `max_tokens` is none, 256, 512, 1,024, 4,096, 8,192 or 32,768. An answer takes 0.3 s
  and 20 ms for each token; a request and an answer are under way for 5 to 80 ms each. A caller waits up to 30 s; one who is told
  at the door to come again within 60 s does so in half of the cases, once.
* **Simulated time**: `Quota::admit` and the reservations as in the gateway, under tokio's paused clock, with the default settings
  (risk 0.0001 unless told otherwise, margin 250 ms). The guess of a prompt is made by the benchmark: unbiased, 6 % off for Chinese and 4 % for English
  (one standard deviation), and it says so. The guess of an answer is the true mean and deviation of its `max_tokens` class. The
  gateway's own estimator has no part in this.
* **The other side** is counted by the emulator's windows. 160 s of warm-up are left out of the parts used; refusals are counted
  from the first request on.
* **level** is what counted at the upstream, averaged over time ÷ limit; **billed** is what was charged in a minute ÷ limit;
  **peak** the most that ever counted, **over** the part of the time in which that was more than the limit. **used** is the
  level for a rolling window and for a fixed minute charged `before`; a bucket, and a fixed minute charged `after`, is used up when
  all of it was billed. With `before`, level holds what was reserved for answers to come.
* **at the door**: callers who were told at once, or at the end of their patience, to come later. **leaks**: requests, tokens or
  callers that were still counted as under way after the end; all must be 0.
* **Real time**: a whole gateway in front of the emulator, all in this process, three minutes on loopback, all limits at once on as
  many models, the gateway's own estimates, answers as long as the emulator makes them; the first 70 s are left out of the parts used.
  The 200 callers call again and again; one who is told to come later does so at that moment, if it is within the three minutes.
* **Bars**: 0 refusals and at least 95 % used where rule and limit are known; else at most 10 refusals, none of them seen by a
  caller.
";
