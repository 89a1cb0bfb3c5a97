//! What callers leave with the emulator: voices, video jobs, files, batches. All in memory, by account.

pub(super) mod batches;
pub(super) mod files;
pub(super) mod temporary;

use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// An uploaded voice.
#[derive(Debug, Clone)]
pub(super) struct Voice {
    pub(super) uri: String,
    pub(super) model: String,
    pub(super) name: String,
    pub(super) text: String,
}

/// A submitted video.
#[derive(Debug, Clone)]
pub(super) struct VideoJob {
    /// Since the emulator's start.
    pub(super) submitted: Duration,
    pub(super) seed: u64,
    pub(super) fails: bool,
}

/// An uploaded file.
#[derive(Debug, Clone)]
pub(super) struct StoredFile {
    pub(super) shown: Value,
    pub(super) content: Bytes,
}

/// A batch, as it was created.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) shown: Value,
    /// Since the emulator's start.
    pub(super) created: Duration,
    pub(super) cancelled: bool,
    /// Result lines, ready from the start and shown at the end.
    pub(super) results: Bytes,
    /// Lines answered and lines refused.
    pub(super) counts: (u64, u64),
}

/// By account, then by id in order of creation.
#[derive(Debug, Default)]
pub(super) struct Store {
    voices: HashMap<String, Vec<Voice>>,
    videos: HashMap<(String, String), VideoJob>,
    pub(super) files: BTreeMap<(String, String), StoredFile>,
    pub(super) batches: BTreeMap<(String, String), Batch>,
    serial: u64,
}

impl Store {
    pub(super) fn voices(&self, account: &str) -> &[Voice] {
        self.voices.get(account).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn has_voice(&self, account: &str, uri: &str) -> bool {
        self.voices(account).iter().any(|voice| voice.uri == uri)
    }

    pub(super) fn add_voice(&mut self, account: &str, voice: Voice) {
        self.voices.entry(account.to_owned()).or_default().push(voice);
    }

    pub(super) fn remove_voice(&mut self, account: &str, uri: &str) -> bool {
        let known = self.has_voice(account, uri);
        if let Some(voices) = self.voices.get_mut(account) {
            voices.retain(|voice| voice.uri != uri);
        }
        known
    }

    pub(super) fn add_video(&mut self, account: &str, id: &str, job: VideoJob) {
        self.videos.insert((account.to_owned(), id.to_owned()), job);
    }

    pub(super) fn video(&self, account: &str, id: &str) -> Option<VideoJob> {
        self.videos.get(&(account.to_owned(), id.to_owned())).cloned()
    }

    /// An id that sorts by age: `file-000001`.
    pub(super) fn next_id(&mut self, kind: &str) -> String {
        self.serial += 1;
        format!("{kind}-{:06}", self.serial)
    }
}
