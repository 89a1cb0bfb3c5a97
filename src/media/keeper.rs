//! Whoever fetches, keeps and hands out.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Semaphore;
use tracing::{error, info, warn};

use super::connector::{self, Resolve};
use super::error::MediaError;
use super::fetch::Fetcher;
use super::format::{Format, Kind};
use super::hosts::Hosts;
use super::link::Signer;
use super::name::{self, Hex, Id, Label, Owner};
use super::pieces::Piece;
use super::receiver::{Held, Received, Receiver, Sink};
use super::settings::MediaSettings;
pub use super::shelf::Home;
use super::shelf::Shelf;
use crate::telemetry::metrics::Metrics;

/// Fetches at once (ours): each has a connection, and up to a picture in memory where there is no room on the disk.
const MOST_FETCHES: usize = 64;

/// Seconds since 1970.
pub(super) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// See the module.
pub struct Keeper {
    shelf: Arc<Shelf>,
    signer: Signer,
    rules: ArcSwap<Rules>,
    turns: Semaphore,
    metrics: Arc<Metrics>,
    clock: Clock,
    resolve: Resolve,
    /// What is wrong with the disk.
    fault: Mutex<Option<String>>,
}

struct Rules {
    settings: MediaSettings,
    fetcher: Fetcher,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keeper").field("shelf", &self.shelf.sums()).finish_non_exhaustive()
    }
}

/// Something that was kept just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name, such as `3f0c….png`.
    pub name: String,
    /// What it is.
    pub format: Format,
    /// How long it is (bytes).
    pub length: u64,
}

/// Something that was kept, to be handed out.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it is.
    pub format: Format,
    /// How long it is (bytes).
    pub length: u64,
    /// Its SHA-256 as hex digits.
    pub digest: String,
    /// For how many more seconds it is kept.
    pub seconds_left: u64,
    file: Arc<File>,
}

impl Found {
    /// The bytes from `from` to before `to` as a part of a body.
    pub fn part(&self, from: u64, to: u64) -> Piece {
        Piece::File { file: self.file.clone(), from, to: to.min(self.length) }
    }

    /// Reads all of it. Blocks on the disk.
    pub fn reader(&self) -> impl io::Read + use<> {
        Reader { file: self.file.clone(), at: 0 }
    }

    /// All of it as base64.
    pub fn base64(&self) -> Piece {
        Piece::Base64 { file: self.file.clone(), length: self.length }
    }
}

/// Reads a file that others read too: its place is its own.
struct Reader {
    file: Arc<File>,
    at: u64,
}

impl io::Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(out, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Keeper {
    /// One who keeps things at `home` and signs links with `secret`. Blocks on the disk. Until it is
    /// [`configured`](Self::configure) nothing but the defaults hold.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(
        home: Home,
        secret: &[u8; 32],
        settings: MediaSettings,
        upstream: &str,
        tls: rustls::ClientConfig,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> io::Result<Self> {
        let resolve = connector::system();
        let rules = ArcSwap::from_pointee(Rules::new(settings, upstream, Arc::new(tls), resolve.clone()));
        let keeper = Self {
            shelf: Arc::new(Shelf::open(home)?),
            signer: Signer::new(secret),
            rules,
            turns: Semaphore::new(MOST_FETCHES),
            metrics,
            clock,
            resolve,
            fault: Mutex::default(),
        };
        keeper.sweep();
        Ok(keeper)
    }

    /// From now on these settings hold. `upstream` is its base URL, `tls` what is trusted.
    pub fn configure(&self, settings: MediaSettings, upstream: &str, tls: rustls::ClientConfig) {
        self.rules.store(Arc::new(Rules::new(settings, upstream, Arc::new(tls), self.resolve.clone())));
        self.sweep();
    }

    /// How long things are kept (seconds).
    pub fn keeps_seconds(&self) -> u64 {
        self.rules.load().settings.keep.as_secs()
    }

    /// Whether nothing is kept at all.
    pub fn is_off(&self) -> bool {
        self.rules.load().settings.keep.is_zero()
    }

    /// Fetches what is behind `link` and keeps it for the key called `owner`. Takes at most `fetch_timeout`, and time until it is
    /// its turn. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// [`MediaError`] when it is refused, cannot be fetched or not be kept.
    pub async fn keep(&self, link: &str, kind: Kind, owner: &str) -> Result<Kept, MediaError> {
        let kept = self.fetch_and_place(link, kind, owner).await;
        self.note(&kept, "kept");
        kept
    }

    /// Fetches what is behind `link` into memory: where the disk does not take it, or nothing is kept.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub async fn fetch(&self, link: &str, kind: Kind) -> Result<(Bytes, Format), MediaError> {
        let fetched = self.fetch_to(Sink::Memory(Vec::new()), link, kind).await;
        self.note(&fetched, "memory");
        match fetched? {
            Received { held: Held::Memory(bytes), format, .. } => Ok((bytes, format)),
            Received { held: Held::File(_), .. } => Err(MediaError::Broken),
        }
    }

    async fn fetch_and_place(&self, link: &str, kind: Kind, owner: &str) -> Result<Kept, MediaError> {
        let rules = self.rules.load_full();
        // What must not be fetched at all need not be made room for.
        rules.fetcher.way(link)?;
        let id = random_id()?;
        let (file, draft) = self.shelf.draft(&Hex(&id.0).to_string())?;
        let received = self.fetch_to(Sink::File(tokio::fs::File::from_std(file)), link, kind).await?;
        let Received { format, length, digest, held: Held::File(file) } = received else {
            return Err(MediaError::Broken);
        };
        let label = Label { id, at: (self.clock)(), owner: Owner::of(owner), length, digest, format };
        if length > rules.settings.most_bytes {
            return Err(MediaError::TooLarge(rules.settings.most_bytes));
        }
        let (shelf, most) = (self.shelf.clone(), rules.settings.most_bytes);
        let placed = tokio::task::spawn_blocking(move || shelf.place(draft, &file, label, most)).await;
        placed.unwrap_or_else(|_panicked| Err(io::ErrorKind::Other.into()))?;
        self.show();
        Ok(Kept { name: label.public(), format, length })
    }

    async fn fetch_to(&self, sink: Sink, link: &str, kind: Kind) -> Result<Received, MediaError> {
        let rules = self.rules.load_full();
        let patience = rules.settings.fetch_timeout;
        let turn = tokio::time::timeout(patience, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| MediaError::TooSlow(patience))?;
        let mut receiver = Receiver::new(sink, kind, kind.most_bytes());
        rules.fetcher.fetch(link, &mut receiver).await?;
        receiver.finish().await
    }

    /// Counts an outcome, and tells once when the disk fails and when it works again.
    fn note<T>(&self, result: &Result<T, MediaError>, outcome: &'static str) {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => {
                self.metrics.media.fetched(outcome);
                if outcome == "kept" && fault.take().is_some() {
                    info!("pictures and videos are kept again");
                }
            }
            Err(why) => {
                self.metrics.media.fetched("failed");
                self.metrics.media.refused(why.label());
                match why {
                    MediaError::Disk(why) if fault.replace(why.to_string()).is_none() => {
                        error!(%why, "pictures and videos cannot be kept; callers get the upstream's own links, which die after an hour");
                    }
                    MediaError::Disk(_) => {}
                    why => warn!(cause = why.label(), "a picture or video was not fetched: {why}"),
                }
            }
        }
    }

    /// What is wrong with the disk, since it did not take the last thing.
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The query of a link that opens `kept` for as long as it is kept.
    pub fn query(&self, kept: &str) -> String {
        let label = name::parse(kept).and_then(|(id, _)| self.shelf.label(id));
        let at = label.map_or_else(|| (self.clock)(), |label| label.at);
        self.signer.query(kept, at.saturating_add(self.rules.load().settings.keep.as_secs()))
    }

    /// What is kept as `name`, for a caller who has the key called `owner`, or a `query` that opens it. Absent and forbidden look
    /// the same.
    pub async fn find(&self, name: &str, owner: Option<&str>, query: Option<&str>) -> Option<Found> {
        let (id, format) = name::parse(name)?;
        let now = (self.clock)();
        let is_signed = query.is_some_and(|query| self.signer.opens(name, query, now));
        let label = self.shelf.label(id)?;
        let is_own = owner.is_some_and(|owner| Owner::of(owner) == label.owner);
        let seconds_left = label.at.saturating_add(self.rules.load().settings.keep.as_secs()).saturating_sub(now);
        if label.format != format || seconds_left == 0 || !(is_signed || is_own) {
            return None;
        }
        let shelf = self.shelf.clone();
        let read = tokio::task::spawn_blocking(move || shelf.read(id)).await.ok().flatten();
        if read.is_none() {
            self.show();
        }
        let (label, file) = read?;
        Some(Found { format, length: label.length, digest: Hex(&label.digest).to_string(), seconds_left, file })
    }

    /// What was just kept.
    pub async fn own(&self, kept: &Kept, owner: &str) -> Option<Found> {
        self.find(&kept.name, Some(owner), None).await
    }

    /// Removes what is kept as `name` before its time. Blocks on the disk.
    pub fn remove(&self, name: &str) {
        if let Some((id, _)) = name::parse(name) {
            self.shelf.forget(id);
            self.show();
        }
    }

    /// Removes what was kept for long enough. Blocks on the disk.
    pub fn sweep(&self) {
        let keep = self.rules.load().settings.keep.as_secs();
        self.shelf.forget_before((self.clock)().saturating_sub(keep).saturating_add(1));
        self.show();
    }

    fn show(&self) {
        let (files, bytes) = self.shelf.sums();
        self.metrics.media.kept(files, bytes);
    }

    #[cfg(test)]
    pub(super) fn resolving(mut self, resolve: Resolve) -> Self {
        let rules = self.rules.load_full();
        let fetcher = Fetcher { resolve: resolve.clone(), ..rules.fetcher.clone() };
        self.rules.store(Arc::new(Rules { settings: rules.settings.clone(), fetcher }));
        self.resolve = resolve;
        self
    }
}

impl Rules {
    fn new(settings: MediaSettings, upstream: &str, tls: Arc<rustls::ClientConfig>, resolve: Resolve) -> Self {
        let hosts = Hosts::new(&settings.hosts, upstream);
        let fetcher = Fetcher { hosts, timeout: settings.fetch_timeout, tls, resolve };
        Self { settings, fetcher }
    }
}

fn random_id() -> io::Result<Id> {
    let mut id = [0; 16];
    SystemRandom::new().fill(&mut id).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(Id(id))
}
