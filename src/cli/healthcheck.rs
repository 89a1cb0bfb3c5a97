//! `flowgate healthcheck`: asks the gateway that runs with this configuration whether it is well, for containers that have no
//! curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::StatusCode;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::ConfigArguments;
use super::console::Console;

/// Most that a page of health may have (bytes; ours): a line for each thing that is wrong.
const MOST: usize = 64 * 1024;

/// Options of `healthcheck`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  flowgate healthcheck            exit code 0 if it takes requests, 1 if not, and why
  flowgate healthcheck --alive    exit code 0 if it runs at all, such as while it finishes its last streams")]
pub(super) struct HealthcheckArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Ask only whether it runs (/healthz), not whether it takes requests (/readyz)
    #[arg(long)]
    alive: bool,
    /// Where its admin plane is, in place of this configuration's admin.listen, such as http://flowgate:4001
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "admin_listen"])]
    url: Option<String>,
    /// How long it may take to answer
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

pub(super) async fn run(arguments: HealthcheckArguments, console: &Console) -> Result<ExitCode, String> {
    let base = match &arguments.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", reachable(arguments.config.load_keyless()?.admin_listen)),
    };
    let url = format!("{base}{}", if arguments.alive { "/healthz" } else { "/readyz" });
    let (status, page) = tokio::time::timeout(arguments.timeout, get(&url))
        .await
        .map_err(|_| format!("{url} did not answer within {}", humantime::format_duration(arguments.timeout)))?
        .map_err(|error| format!("{url}: {error}"))?;
    page.lines().for_each(|line| console.say(line));
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who listens on all addresses is asked on loopback.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let loopback = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(loopback, listen.port())
}

async fn get(url: &str) -> Result<(StatusCode, String), String> {
    let uri = url.parse().map_err(|_| "not an address; write it like http://127.0.0.1:4001")?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(uri).await.map_err(|_| "nobody answers; is it running?")?;
    let status = answer.status();
    let page = Limited::new(answer.into_body(), MOST).collect().await.map_err(|error| error.to_string())?;
    Ok((status, String::from_utf8_lossy(&page.to_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_on_loopback() {
        let asked = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:4001"), "127.0.0.1:4001");
        assert_eq!(asked("[::]:4001"), "[::1]:4001");
        assert_eq!(asked("192.0.2.1:4001"), "192.0.2.1:4001");
    }
}
