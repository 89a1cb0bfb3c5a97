//! The yardstick: nginx with `proxy_pass`, one worker, kept-alive connections on both sides, the key put in for the caller.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{
    process::{self, Process},
    upstream,
};

/// A running nginx.
pub(crate) struct Nginx {
    /// The port that buffers answers, as nginx does by default.
    pub(crate) plain: SocketAddr,
    /// The port that passes on what it has, as a stream needs.
    pub(crate) stream: SocketAddr,
    /// Process id of the one worker.
    pub(crate) worker: u32,
    _master: Process,
}

impl Nginx {
    /// Starts nginx on `core` in front of `upstream`, with its files in `folder`.
    ///
    /// # Errors
    /// If nginx is not installed or does not answer.
    pub(crate) fn start(core: usize, upstream: SocketAddr, folder: &Path) -> Result<Self> {
        let (plain, stream) = (process::free_address()?, process::free_address()?);
        let config = folder.join("nginx.conf");
        fs::write(&config, configuration(upstream, plain, stream, folder))?;
        let log = folder.join("nginx.log");
        let mut command = Command::new(program());
        command.arg("-p").arg(folder).arg("-e").arg(&log).arg("-c").arg(&config);
        let mut master = Process::start(core, &command, &log)?;
        let begun = process::wait_until(Duration::from_secs(10), || {
            master.check_alive()?;
            let is_up = TcpStream::connect(plain).is_ok() && TcpStream::connect(stream).is_ok();
            Ok(is_up && !process::children(master.id()).is_empty())
        });
        begun.with_context(|| format!("nginx does not start: {}", fs::read_to_string(&log).unwrap_or_default()))?;
        let worker = *process::children(master.id()).first().context("nginx has no worker")?;
        Ok(Self { plain, stream, worker, _master: master })
    }
}

/// The version as nginx tells it.
pub(crate) fn version() -> String {
    let told = Command::new(program()).arg("-v").output().map(|output| output.stderr).unwrap_or_default();
    String::from_utf8_lossy(&told).trim().trim_start_matches("nginx version: ").to_owned()
}

/// Debian keeps it where an ordinary user's search path does not look.
fn program() -> &'static str {
    if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" }
}

/// The whole configuration. Two ports, so that plain answers meet nginx's default buffering and streams meet none.
fn configuration(upstream: SocketAddr, plain: SocketAddr, stream: SocketAddr, folder: &Path) -> String {
    let server = |address: SocketAddr, more: &str| {
        format!(
            r#"
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://upstream;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer {}";
            {more}
        }}
    }}"#,
            upstream::KEY
        )
    };
    format!(
        r"daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    upstream upstream {{
        server {upstream};
        keepalive 128;
        keepalive_requests 100000000;
    }}{}{}
}}
",
        server(plain, ""),
        server(stream, "proxy_buffering off;"),
        folder = folder.display()
    )
}
