//! The quota benchmark: `cargo bench --bench quota`. Twice as much as the quota is offered; the upstream should refuse nothing and
//! nearly all of the quota should be used. In simulated time for every accounting rule, and in real time through sockets.
//!
//! The other side is counted by the emulator's own windows, which share no code with the gateway's quota. Start reading at
//! [`benchmark`]; `docs/bench/README.md` says how to read what it prints.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark reads the real clock and the environment, prints what it finds, and ends where something is broken"
)]

mod crowd;
mod real;
mod report;
mod simulate;
mod traffic;
mod upstream;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use flowgate::mock::{Charge, Rule};
use flowgate::quota::limits::Source;
use flowgate::quota::rule::Accounting;

use report::{Report, Row};
use simulate::{Scenario, accounting, simulate};
use traffic::Traffic;
use upstream::Limited;

const RULES: [(&str, Rule); 3] = [("sliding", Rule::Sliding), ("fixed", Rule::Fixed), ("bucket", Rule::Bucket)];
const CHARGES: [(&str, Charge); 2] = [("after", Charge::After), ("before", Charge::Before)];
const LIMITS: [(&str, Limited); 5] = [
    ("TPM 50k", Limited::Tpm(50_000)),
    ("TPM 500k", Limited::Tpm(500_000)),
    ("TPM 5M", Limited::Tpm(5_000_000)),
    ("RPM 20", Limited::Rpm(20)),
    ("RPM 1,000", Limited::Rpm(1_000)),
];

/// Measures how well the quota is used.
#[derive(Debug, Parser)]
#[command(name = "quota")]
struct Options {
    /// Few minutes and no real time: shows that the benchmark works; its numbers mean little
    #[arg(long)]
    quick: bool,
    /// Also write docs/bench/YYYY-MM-DD-quota.md
    #[arg(long)]
    write: bool,
    /// Leave out the part in real time
    #[arg(long)]
    simulated: bool,
    /// Only rows whose name contains this, as in `sliding after TPM 50k`
    #[arg(long, default_value = "")]
    rows: String,
    /// Where chance begins
    #[arg(long, default_value_t = 11)]
    seed: u64,
    /// `queue.risk` of the gateway
    #[arg(long, default_value_t = flowgate::quota::risk::DEFAULT)]
    risk: f64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    // `cargo test --all-targets` runs benchmarks too, without arguments.
    if std::env::args().len() <= 1 {
        println!("run it by: cargo bench --bench quota");
        return ExitCode::SUCCESS;
    }
    match benchmark(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quota: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn benchmark(options: &Options) -> anyhow::Result<()> {
    let real = (!options.quick && !options.simulated).then(|| std::thread::spawn(real::measure));
    let mut report = Report::new();
    let minutes = if options.quick { 4 } else { 20 };
    let rows = |scenario: &dyn Fn((Rule, Charge), Limited) -> Scenario, limits: &[_]| rows(options, scenario, limits);
    report.known = rows(&|truth, limited| Scenario::known(truth, limited, minutes), &LIMITS);
    let small = [LIMITS[0], LIMITS[1], LIMITS[3]];
    let minutes = if options.quick { 10 } else { 60 };
    report.unknown = rows(&|truth, limited| Scenario::unknown(truth, limited, minutes), &small);
    report.high = rows(&|truth, limited| Scenario::wrong(truth, limited, limited.value() * 2, minutes), &small);
    report.low = rows(&|truth, limited| Scenario::wrong(truth, limited, limited.value() / 2, minutes), &small);
    if let Some(real) = real {
        report.real = real.join().map_err(|_| anyhow::anyhow!("the part in real time broke off"))??;
    }
    let text = report.text();
    println!("{text}");
    if options.write {
        let root =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let path = root.join(format!("docs/bench/{}-quota.md", report::today()));
        std::fs::write(&path, text.trim_end().to_owned() + "\n")?;
        println!("written to {}", path.display());
    }
    Ok(())
}

/// Every rule with every moment of charging and each of `limits`.
fn rows(
    options: &Options,
    scenario: impl Fn((Rule, Charge), Limited) -> Scenario,
    limits: &[(&'static str, Limited)],
) -> Vec<Row> {
    let traffic = Arc::new(Traffic::new());
    let mut rows = Vec::new();
    for (rule_name, rule) in RULES {
        for (charge_name, charge) in CHARGES {
            for (limit, limited) in limits {
                if !format!("{rule_name} {charge_name} {limit}").contains(&options.rows) {
                    continue;
                }
                let outcome = simulate(&scenario((rule, charge), *limited), options.risk, options.seed, &traffic);
                rows.push(Row { rule: rule_name, charge: charge_name, limit, outcome });
            }
        }
    }
    rows
}

impl Scenario {
    /// The gateway knows how it is counted and how much there is.
    fn known((rule, charge): (Rule, Charge), limited: Limited, minutes: u64) -> Self {
        let believed = accounting(rule, charge);
        let (limit, source) = (limited.value(), Source::Documented);
        Self { rule, charge, limited, believed, learns: false, limit, source, minutes }
    }

    /// It knows how much there is, not how it is counted.
    fn unknown(truth: (Rule, Charge), limited: Limited, minutes: u64) -> Self {
        Self { believed: Accounting::default(), learns: true, ..Self::known(truth, limited, minutes) }
    }

    /// It knows how it is counted, and takes an interpolated limit for the true one.
    fn wrong(truth: (Rule, Charge), limited: Limited, limit: u64, minutes: u64) -> Self {
        Self { limit, source: Source::Interpolated, ..Self::known(truth, limited, minutes) }
    }
}
