//! The proxies that are compared. Each set of them runs in processes of its own: where a process happens to lie in memory makes a
//! request a few percent cheaper or dearer for as long as it lives.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    flowgate::{self, Flowgate, Keeps},
    nginx::Nginx,
};

/// What proxies are started with.
pub(crate) struct Casting {
    /// Whether nginx takes part.
    pub(crate) has_nginx: bool,
    /// The gateway's program, if it takes part.
    pub(crate) program: Option<PathBuf>,
    /// The core of every proxy.
    pub(crate) core: usize,
    pub(crate) upstream: SocketAddr,
    /// Where each set has a folder.
    pub(crate) folder: PathBuf,
    /// What is appended to the gateway's configuration.
    pub(crate) more: String,
}

/// Proxies, while they run.
pub(crate) struct Cast {
    pub(crate) nginx: Option<Nginx>,
    pub(crate) flowgate: Option<Flowgate>,
    /// The same with limits off.
    pub(crate) ungoverned: Option<Flowgate>,
    /// The same without keys and ledger too.
    pub(crate) bare: Option<Flowgate>,
}

impl Casting {
    /// Starts all that take part, as set number `number`.
    ///
    /// # Errors
    /// If one does not start; the log of a gateway is in the message.
    pub(crate) fn start(&self, number: usize) -> Result<Cast> {
        let folder = self.folder.join(number.to_string());
        let nginx = || Nginx::start(self.core, self.upstream, &made(&folder.join("nginx"))?);
        let flowgate = |name: &str, keeps| {
            let start = |program| {
                Flowgate::start(self.core, program, self.upstream, &made(&folder.join(name))?, keeps, &self.more)
            };
            self.program.as_deref().map(start).transpose()
        };
        Ok(Cast {
            nginx: self.has_nginx.then(nginx).transpose()?,
            flowgate: flowgate("governed", Keeps::Everything)?,
            ungoverned: flowgate("ungoverned", Keeps::NoLimits)?,
            bare: flowgate("bare", Keeps::Nothing)?,
        })
    }

    /// The end of the log of the gateway with everything on, of set number `number`.
    pub(crate) fn log_end(&self, number: usize) -> String {
        flowgate::log_end(&self.folder.join(number.to_string()).join("governed"))
    }
}

fn made(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    Ok(folder.to_owned())
}
