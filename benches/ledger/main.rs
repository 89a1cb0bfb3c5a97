//! The ledger benchmark: `cargo bench --bench ledger -- --rows 10000000`. Files rows, asks for every report, and holds each sum
//! against a recount of its own.
//!
//! Start reading at [`benchmark`]; `docs/bench/README.md` says how to read what it prints.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark reads the real clock and the environment, prints what it finds, and ends where something is broken"
)]

mod recount;
mod report;
mod traffic;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;
use flowgate::ledger::{Dimension, Query, Store as _, date, page};
use flowgate::store::Database;

use recount::{Recount, told};
use report::Report;
use traffic::{DAYS, LAST_DAY, Traffic};

/// Rows of a batch.
const BATCH: u64 = 1000;
/// How often each report is asked for.
const TIMES: usize = 3;

/// Measures the ledger.
#[derive(Debug, Parser)]
#[command(name = "ledger")]
struct Options {
    /// Rows to file
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Also write docs/bench/YYYY-MM-DD-ledger.md
    #[arg(long)]
    write: bool,
    /// End with 1 if a report or opening takes more than a second
    #[arg(long)]
    check: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    // `cargo test --all-targets` runs benchmarks too, without arguments.
    if std::env::args().len() <= 1 {
        println!("run it by: cargo bench --bench ledger -- --rows 10000000");
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    match benchmark(&options) {
        Ok(is_met) if is_met || !options.check => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ledger: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn benchmark(options: &Options) -> anyhow::Result<bool> {
    let folder = tempfile::tempdir()?;
    let mut report = Report::new();
    let recount = file(folder.path(), options.rows, &mut report)?;
    let (store, time) = timed(|| Database::open(folder.path(), false));
    let store = store?;
    report.reading.push(("open".to_owned(), 0, time));
    let months = date::month_around(LAST_DAY);
    let first = LAST_DAY + 1 - DAYS;
    for (name, from, until) in [("a month", months.0, months.1), ("all", first, LAST_DAY)] {
        for (at, by) in Recount::reports().into_iter().enumerate() {
            let query = Query { from_day: from, until_day: until, by: by.to_vec(), only: Vec::new() };
            let words: Vec<&str> = by.iter().map(|dimension| dimension.word()).collect();
            let words = if words.is_empty() { "in one sum".to_owned() } else { format!("by {}", words.join(", ")) };
            let expected = recount.expected(at, (from - first) as usize, (until.min(LAST_DAY) - first) as usize);
            let (sums, time) = middle(|| store.sums(&query));
            let sums: Vec<_> = sums?.into_iter().map(told).collect();
            ensure!(sums == expected, "{name} {words}: the sums are not those of the rows");
            report.reading.push((format!("{name}, {words}"), sums.len(), time));
        }
    }
    pages(&store, options.rows, &mut report)?;
    let (faults, time) = timed(|| store.check());
    ensure!(faults?.is_empty(), "the ledger's own check finds faults");
    report.filing.push(("`flowgate ledger check`", format!("{:.1} s", time.as_secs_f64())));
    finish(options, &report)?;
    Ok(report.is_met())
}

/// Files the rows and counts them.
fn file(folder: &Path, count: u64, report: &mut Report) -> anyhow::Result<Recount> {
    let store = Database::open(folder, false)?;
    let (mut traffic, mut recount) = (Traffic::new(), Recount::new());
    let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
    let mut rows = Vec::new();
    for seq in 1..=count {
        let (places, row) = traffic.row(seq, count);
        recount.count(places, &row);
        rows.push(row);
        if rows.len() as u64 == BATCH || seq == count {
            let before = cpu_time()?;
            let (filed, time) = timed(|| store.file(&rows));
            filed?;
            wall += time;
            cpu += cpu_time()?.saturating_sub(before);
            rows.clear();
        }
    }
    drop(store);
    let bytes = folder.join(flowgate::store::FILE).metadata()?.len();
    let each = |time: Duration| format!("{:.2} µs", time.as_secs_f64() * 1e6 / count as f64);
    report.filing = vec![
        ("rows", count.to_string()),
        ("CPU for each", each(cpu)),
        ("time for each", each(wall)),
        ("file", format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))),
        ("bytes for each", format!("{:.0}", bytes as f64 / count as f64)),
    ];
    Ok(recount)
}

/// Pages of an export: at the end, and of the last day of one key.
fn pages(store: &Database, count: u64, report: &mut Report) -> anyhow::Result<()> {
    let (page, time) = middle(|| store.rows(count.saturating_sub(BATCH), BATCH as usize));
    report.reading.push(("last page of an export".to_owned(), page?.len(), time));
    let only = vec![(Dimension::Key, traffic::name("key", 3))];
    let query = Query { from_day: LAST_DAY, until_day: LAST_DAY, by: Vec::new(), only };
    let (page, time) = middle(|| page::page(store, &query, 0, BATCH as usize));
    report.reading.push(("page of a key's last day".to_owned(), page?.rows.len(), time));
    ensure!(store.last_seq()? == count, "the last number is not that of the last row");
    Ok(())
}

fn finish(options: &Options, report: &Report) -> anyhow::Result<()> {
    let text = report.text();
    println!("{text}");
    if options.write {
        let root =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let path = root.join(format!("docs/bench/{}-ledger.md", report::today()));
        std::fs::write(&path, text.trim_end().to_owned() + "\n")?;
        println!("written to {}", path.display());
    }
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = work();
    (done, begun.elapsed())
}

/// The last result, and the middle of the times.
fn middle<T>(mut work: impl FnMut() -> T) -> (T, Duration) {
    let (mut done, first) = timed(&mut work);
    let mut times = vec![first];
    for _ in 1..TIMES {
        let (again, time) = timed(&mut work);
        done = again;
        times.push(time);
    }
    times.sort_unstable();
    (done, times[TIMES / 2])
}

/// What this thread has run for, by the kernel's count.
fn cpu_time() -> anyhow::Result<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = told.split_whitespace().next().context("no time in schedstat")?.parse()?;
    Ok(Duration::from_nanos(nanos))
}
