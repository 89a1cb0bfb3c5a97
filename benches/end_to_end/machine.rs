//! What the report says of the machine, the versions and the day.

use std::{fs, path::Path, process::Command, thread, time::SystemTime};

use crate::{Options, flowgate, nginx};

/// Lines about the machine, the versions and the command.
pub(crate) fn facts(
    options: &Options,
    root: &Path,
    program: Option<&Path>,
    proxy_core: usize,
    load_core: usize,
) -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let info = read("/proc/cpuinfo");
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, model)| model.trim());
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let revision = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(root)
        .output()
        .map(|output| output.stdout);
    let revision = String::from_utf8_lossy(&revision.unwrap_or_default()).trim().to_owned();
    let mut facts = vec![
        ("date", httpdate::fmt_http_date(SystemTime::now())),
        ("machine", format!("{cores} cores, {}", model.unwrap_or("model unknown"))),
        ("kernel", read("/proc/sys/kernel/osrelease")),
        ("load before", read("/proc/loadavg")),
        ("cores used", format!("proxy under test on {proxy_core}, upstream and load generator on {load_core}")),
    ];
    if !options.direct_only {
        facts.push(("nginx", nginx::version()));
    }
    if let Some(program) = program {
        facts.push(("flowgate", format!("{}, commit {revision}", flowgate::version(program))));
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let command = format!("cargo bench --bench end_to_end -- {}", arguments.join(" "));
    facts.push(("command", command.trim_end_matches(" -- ").trim_end().to_owned()));
    facts
}

/// Hundredths of a second that the host gave to other guests so far, all cores together.
pub(crate) fn stolen_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok()).unwrap_or(0)
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
