//! Tables for people.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// Reports and opening take at most this long.
pub(crate) const BAR: Duration = Duration::from_secs(1);

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) filing: Vec<(&'static str, String)>,
    /// What was read, how many lines came, and how long that took.
    pub(crate) reading: Vec<(String, usize, Duration)>,
}

impl Report {
    pub(crate) fn new() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let cpu = read("/proc/cpuinfo");
        let cpu =
            cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim());
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let flags: Vec<String> = std::env::args().skip(1).filter(|flag| flag != "--bench").collect();
        let facts = vec![
            ("date", httpdate::fmt_http_date(SystemTime::now())),
            ("machine", format!("{cores} cores, {}", cpu.unwrap_or("model unknown"))),
            ("kernel", read("/proc/sys/kernel/osrelease")),
            ("load before", read("/proc/loadavg")),
            ("command", format!("cargo bench --bench ledger -- {}", flags.join(" "))),
        ];
        Self { facts, ..Self::default() }
    }

    /// Whether everything that has a bar reached it.
    pub(crate) fn is_met(&self) -> bool {
        self.reading.iter().all(|(_, _, time)| *time <= BAR)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("# Ledger benchmark, {}\n\n", today());
        let pairs = |pairs: &[(&str, String)]| -> Vec<Vec<String>> {
            pairs.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect()
        };
        table(&mut text, &["what", "value"], &pairs(&self.facts));
        text.push_str("\n## Filing\n\n");
        table(&mut text, &["what", "value"], &pairs(&self.filing));
        text.push_str("\n## Reading\n\n");
        let rows = self.reading.iter().map(|(name, lines, time)| {
            let verdict = if *time <= BAR { "met" } else { "MISSED" };
            vec![name.clone(), lines.to_string(), format!("{:.1} ms", time.as_secs_f64() * 1e3), verdict.to_owned()]
        });
        table(&mut text, &["what", "lines", "time", "1 s"], &rows.collect::<Vec<_>>());
        text.push_str(METHOD);
        text
    }
}

/// Today's date in UTC, as 2026-11-21.
pub(crate) fn today() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    flowgate::ledger::date::written(seconds / 86_400)
}

fn table(text: &mut String, titles: &[&str], rows: &[Vec<String>]) {
    let length = |cell: &str| cell.chars().count();
    let width =
        |column: usize| rows.iter().map(|row| length(&row[column])).max().unwrap_or(0).max(length(titles[column]));
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let mut line = |cells: &[String]| {
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "| {cell}{} ", " ".repeat(width - length(cell)));
        }
        text.push_str("|\n");
    };
    line(&titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>());
    line(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
}

/// How the numbers came about, for those who read only the result.
const METHOD: &str = "
## How it was measured

* **Rows**: made up, the same in each run: 50 keys in 6 teams, each with up to two tags, 25 models at 8 endpoints, 90 days up to
  2026-11-22 in order; few keys and models have most of the traffic. One in twenty is not complete or not known exactly.
* **Filing**: `Store::file` with 1,000 rows at a time on one thread, without `fsync` for each batch, as the gateway does by default. CPU is
  that of the thread in the kernel's own count; making the rows is not in it.
* **Reading**: the middle of three times. Opening is that of `serve` (`Database::open`), right after the file was closed. A month is
  2026-11-01 to 2026-11-30, all is the 90 days.
* **Exactness**: while rows are made, each sum is counted in memory with 128 bits, by code that shares nothing with the ledger. Each
  report must say the same to the last pico-CNY, or the benchmark ends with exit code 2.
";
