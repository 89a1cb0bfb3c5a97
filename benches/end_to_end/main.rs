//! The end-to-end benchmark: `cargo bench --bench end_to_end`. Runs nginx `proxy_pass`, the direct call and flowgate against the
//! same fast upstream in the same run, each pinned to a core, and prints CPU for each request, added latency and memory beside
//! the product's bars. Start reading at [`measure`]; `docs/bench/README.md` says how to read what it prints.
//!
//! It is one binary in three roles: the benchmark itself, and as children of it the upstream and the load generator.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a benchmark reads the real clock and the environment, and prints what it finds"
)]

mod cast;
mod flowgate;
mod load;
mod machine;
mod nginx;
mod process;
mod protocol;
mod report;
mod stage;
mod upstream;
mod wire;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::Parser;

use cast::Casting;
use process::Process;
use report::{Report, Side};
use stage::{FULL, QUICK, Stage};

/// Idle memory, MiB: `product.md` section 2, read 2026-11-21.
const BAR_MEMORY: f64 = 12.0;

/// Measures flowgate beside nginx and the direct call.
#[derive(Debug, Parser)]
#[command(name = "end_to_end")]
struct Options {
    /// Few requests: shows that the benchmark works; its numbers mean little
    #[arg(long)]
    quick: bool,
    /// The direct call only
    #[arg(long, conflicts_with = "nginx_only")]
    direct_only: bool,
    /// The direct call and nginx, without flowgate
    #[arg(long)]
    nginx_only: bool,
    /// Also write docs/bench/YYYY-MM-DD.md
    #[arg(long)]
    write: bool,
    /// Exit with 1 if a bar is missed
    #[arg(long)]
    check: bool,
    /// TOML to append to flowgate's configuration, to measure it with more switched on
    #[arg(long, value_name = "FILE")]
    more_config: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [_, "role-upstream"] => upstream::run().map(|()| true),
        [_, "role-load", plan] => load::run(plan).map(|()| true),
        [_, "role-awake"] => {
            process::stay_awake();
            Ok(true)
        }
        // `cargo test --all-targets` runs benchmarks too, without arguments.
        [] | [_] => {
            println!("run it by: cargo bench --bench end_to_end");
            Ok(true)
        }
        _ => benchmark(&Options::parse()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("end_to_end: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// The whole run; false if a bar was missed and `--check` asked.
fn benchmark(options: &Options) -> Result<bool> {
    let root =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let report = measure(options, &root)?;
    let tables = report.tables();
    println!("\n{tables}");
    if options.write {
        let folder = root.join("docs/bench");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}.md", machine::today()));
        fs::write(&path, format!("# End-to-end benchmark, {}\n\n{tables}\n{METHOD}", machine::today()))?;
        println!("written to {}", path.display());
    }
    Ok(!options.check || report.verdicts().iter().all(report::Verdict::is_met))
}

/// Starts everybody, measures, and ends everybody.
fn measure(options: &Options, root: &Path) -> Result<Report> {
    let size = if options.quick { QUICK } else { FULL };
    let program = (!options.nginx_only && !options.direct_only).then(|| flowgate::program(root)).transpose()?;
    let more =
        options.more_config.as_ref().map(|path| fs::read_to_string(path).with_context(|| path.display().to_string()));
    let more = more.transpose()?.unwrap_or_default();
    let cores = process::cores()?;
    let proxy_core = *cores.first().context("no core")?;
    let load_core = *cores.get(1).unwrap_or(&proxy_core);

    let mut report = Report { memory_bar: BAR_MEMORY, ..Report::default() };
    report.facts = machine::facts(options, root, program.as_deref(), proxy_core, load_core);
    if options.quick {
        report.warnings.push("quick run: it shows that the benchmark works, its numbers mean little".to_owned());
    }
    if cores.len() < 2 {
        report.warnings.push("only one core: proxy, upstream and load share it".to_owned());
    }
    let stolen_before = machine::stolen_ticks();

    let folder = tempfile::Builder::new().prefix("flowgate-bench-").tempdir()?;
    let (upstream_process, _upstream_input, mut output) = Process::role("upstream", load_core, &[])?;
    let port = process::line(&mut output)?.parse()?;
    let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let log = folder.path().join("children.log");
    let (has_nginx, folder) = (!options.direct_only, folder.path().to_owned());
    let casting = Casting { has_nginx, program, core: proxy_core, upstream, folder, more };
    let mut stage = Stage { log, proxy_core, load_core, upstream, cast: casting.start(0)?, casting, number: 0 };

    thread::sleep(Duration::from_secs(1));
    let idle: Vec<(Side, u64)> = stage
        .sides()
        .into_iter()
        .filter_map(|side| Some((side, stage.process(side)?)))
        .map(|(side, id)| Ok((side, process::memory_kib(id, "VmRSS")?)))
        .collect::<Result<_>>()?;

    let mut run = || -> Result<()> {
        report.latencies = stage::latencies(&stage, size)?;
        report.costs = stage::costs(&mut stage, size)?;
        report.memory = stage::memory(&stage, size, &idle)?;
        Ok(())
    };
    let outcome = run();
    outcome.with_context(|| format!("flowgate's log ends with {:?}", stage.casting.log_end(stage.number)))?;
    // Dropped in this order: the proxies before the upstream they talk to, so that none complains.
    drop(stage);
    drop(upstream_process);

    let stolen = machine::stolen_ticks().saturating_sub(stolen_before);
    report.facts.push(("stolen by the host", format!("{:.2} s of CPU during the run", stolen as f64 / 100.0)));
    let worst = report.costs.iter().flat_map(|cost| &cost.sides).flat_map(|(_, rounds)| rounds);
    let worst = worst.filter_map(|round| round.waited).fold(0.0, f64::max);
    if worst > 0.1 {
        report.warnings.push(format!(
            "in one round a proxy had to wait for its core for {:.0} % of the time: other programs were running, or its own threads \
             compete",
            worst * 100.0
        ));
    }
    Ok(report)
}

/// How the numbers came about, for those who read only the result.
const METHOD: &str = "## How it was measured

One fast upstream, one load generator and one proxy at a time under load, all on one machine and on loopback. The proxy has a
core of its own; upstream and load generator share another, for the direct call too. Each number is the median of the rounds,
with the least and the most in parentheses; the sides take turns within a round, in another order each time. Each round of CPU has
processes of its own: where one happens to lie in memory decides a few percent for as long as it lives. With plain requests each side has
ten turns in a round, so that a machine that is disturbed for a moment is unkind to all alike.

* **CPU**: time on a core of all threads of the proxy (`/proc/PID/task/*/schedstat`), user and kernel together, divided by the
  requests. The ratio to nginx is taken within each round. 32 connections for plain requests, 16 for streams. A stream has 32
  content events about 0.5 ms apart, each written by the upstream as a chunk of its own; \"reads each\" shows how many pieces
  reached the caller. \"Core taken\" is the share of the time the proxy was ready to run and had to wait: noise from other
  programs if it is high.
* **Latency**: concurrency 1, the sides in turns of 20 requests after 3 that are not counted. p50 and p99 are over all samples; \"added\" is the difference to the
  direct call's own percentile within each round. An event's time is from the upstream's stamp in it to its arrival. The direct
  call stays on one core, while a proxied one goes to the other and back, and waking a sleeping core costs tens of µs on a
  virtual machine, whoever the proxy is. Therefore the bars are held against the rows measured while an idle-priority
  spinner (`chrt --idle`) keeps both cores awake; the rows \"cores sleep\" are the same without it, the machine as it is.
* **Memory**: resident size (`VmRSS`) of the process, for nginx of its worker.
* nginx: one worker, `proxy_pass` over HTTP/1.1 with 128 kept-alive connections, access log off, `proxy_buffering off` for streams,
  its default for the rest. It adds the upstream's key, and does nothing else that flowgate does.
* flowgate: its default configuration with one account and one caller's key, metrics on, log level `warn`. Limits of requests and tokens for each
  model and for the key are kept, counted and written to the journal; they are far above what the machine can do. \"limits off\" is the same
  with `rule = \"off\"` and a key without limits; \"all off\" has neither limits nor keys nor ledger, and takes part in the CPU of plain requests.
* **At least 90 % of the throughput** is at most 1.11 × the CPU, for the proxy's core is full. \"Governing\" is flowgate over \"limits off\", \"keys and
  ledger\" is \"limits off\" over \"all off\", \"everything\" is flowgate over \"all off\", round by round.
";
