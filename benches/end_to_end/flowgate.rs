//! The gateway under test: built if need be, started with a key of its own for the caller and with metrics on.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::upstream::{MODEL, MODEL_CUMULATIVE};
use crate::{
    process::{self, Process},
    upstream,
};

/// The key that callers show to the gateway.
pub(crate) const CALLER_KEY: &str = "fg-bench-ann-0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// What a gateway keeps count of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// A caller's key, its limits and the models', and the ledger.
    Everything,
    /// No limits.
    NoLimits,
    /// No keys, no limits and no ledger.
    Nothing,
}

/// A running flowgate.
pub(crate) struct Flowgate {
    /// Where it serves the API.
    pub(crate) address: SocketAddr,
    /// Its process id.
    pub(crate) id: u32,
    _process: Process,
}

impl Flowgate {
    /// Starts `program` on `core` in front of `upstream`, with its files in `folder`; `more` is appended to its configuration.
    ///
    /// # Errors
    /// If it ends or does not become ready; its log is in the message.
    pub(crate) fn start(
        core: usize,
        program: &Path,
        upstream: SocketAddr,
        folder: &Path,
        keeps: Keeps,
        more: &str,
    ) -> Result<Self> {
        let (address, admin) = (process::free_address()?, process::free_address()?);
        let config = folder.join("flowgate.toml");
        fs::write(&config, configuration(address, admin, upstream, keeps, more))?;
        let log = folder.join("flowgate.log");
        let mut command = Command::new(program);
        command
            .args(["serve", "--config"])
            .arg(&config)
            .current_dir(folder)
            .env("HOME", folder)
            .env("XDG_DATA_HOME", folder.join("data"))
            .env("BENCH_UPSTREAM_KEY", upstream::KEY)
            .env("BENCH_KEY_ANN", CALLER_KEY);
        for name in ["SILICONFLOW_API_KEY", "FLOWGATE_CONFIG", "RUST_LOG", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        let mut process = Process::start(core, &command, &log)?;
        let begun = process::wait_until(Duration::from_secs(15), || {
            process.check_alive()?;
            Ok(is_ready(admin))
        });
        begun.with_context(|| format!("flowgate does not start: {}", fs::read_to_string(&log).unwrap_or_default()))?;
        Ok(Self { address, id: process.id(), _process: process })
    }
}

/// The gateway's binary: `$FLOWGATE_BIN`, or the program as it is handed out, built now of the package in `root`.
///
/// # Errors
/// If the build fails.
pub(crate) fn program(root: &Path) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("FLOWGATE_BIN") {
        // The gateway runs in a folder of its own, so the path must not depend on ours.
        return fs::canonicalize(&path).with_context(|| format!("FLOWGATE_BIN: no file {}", path.display()));
    }
    let built = Command::new(root.join("deploy/program")).stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        bail!("flowgate does not build");
    }
    let said = String::from_utf8(built.stdout)?;
    Ok(said.lines().last().context("deploy/program does not say where it has built")?.into())
}

/// The version as the binary tells it.
pub(crate) fn version(program: &Path) -> String {
    let told = Command::new(program).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&told).trim().to_owned()
}

/// The end of what it wrote to its log, for the message when a run fails.
pub(crate) fn log_end(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("flowgate.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

/// Whether the admin plane says that the gateway takes requests.
fn is_ready(admin: SocketAddr) -> bool {
    let ask = || -> Result<bool> {
        let mut socket = TcpStream::connect(admin)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(socket, "GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        socket.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// Limits that are kept, counted and written down, and far above what the machine can do.
fn limits() -> String {
    [MODEL, MODEL_CUMULATIVE].map(|model| format!("[account.limits.\"{model}\"]\n{}", far())).concat()
}

fn far() -> String {
    let far = u32::MAX;
    format!("rpm = {far}\ntpm = {far}\nrpd = {far}\n")
}

/// The whole configuration. Nothing is switched off but the log line of each request, for nginx writes none either, and the
/// list of models, which this upstream does not have.
fn configuration(address: SocketAddr, admin: SocketAddr, upstream: SocketAddr, keeps: Keeps, more: &str) -> String {
    let ledger = if keeps == Keeps::Nothing { "[ledger]\nenabled = false\n" } else { "" };
    let limits = if keeps == Keeps::Everything { limits() } else { "rule = \"off\"\n".to_owned() };
    let own = if keeps == Keeps::Everything { far() } else { String::new() };
    let key = "[[key]]\nname = \"ann\"\nsecret = { env = \"BENCH_KEY_ANN\" }\n";
    let key = if keeps == Keeps::Nothing { "" } else { key };
    format!(
        r#"[server]
listen = "{address}"
[admin]
listen = "{admin}"
[models]
refresh = "0s"
[upstream]
base_url = "http://{upstream}/v1"
[log]
level = "warn"
{ledger}[[account]]
name = "main"
api_key = {{ env = "BENCH_UPSTREAM_KEY" }}
{limits}{key}{own}{more}"#
    )
}
