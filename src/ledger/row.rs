//! One request, as it is kept.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::date;
use super::price::{Consumed, Price};
use crate::quota::money::Money;

/// An id: up to 24 bytes of it, and most are no longer, take no memory of their own.
pub type Id = compact_str::CompactString;

/// A word of a closed set, such as a route's template or how a request ended.
pub type Label = Cow<'static, str>;

/// One request of a known caller. Never holds a prompt, an answer or a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Its number, given when it was first written down: each request has its own, later ones have larger ones. A row
    /// that is filed twice is there once.
    pub seq: u64,
    /// The request's id, as its caller was told.
    pub id: Id,
    /// When it began (milliseconds since 1970, UTC).
    pub at_ms: u64,
    /// Name of the virtual key; `open` where there are none.
    pub key: Arc<str>,
    /// The key's team; empty without one.
    pub team: Arc<str>,
    /// The key's tags, sorted, with commas between them.
    pub tags: Arc<str>,
    /// The account that it was sent with; empty if it was not sent.
    pub account: Arc<str>,
    /// The model as the caller wrote it; empty where there is none.
    pub asked: Arc<str>,
    /// The model that was called; empty if none was.
    pub model: Arc<str>,
    /// By which right: `free`, `name`, `policy`, `spill`; empty if none was called.
    pub right: Label,
    /// The route's template, such as `/chat/completions`.
    pub endpoint: Label,
    /// Status that the caller saw; 499 for one who left before.
    pub status: u16,
    /// How it ended: `complete`, `refused`, `caller_gone`, `broken`, or `unknown` where the process died.
    pub outcome: Label,
    /// How its usage is known: `exact`, `at_least`, `estimated`, `unknown`, `none`.
    pub usage: Label,
    /// Prompt tokens, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// The part of the prompt that came from the cache.
    pub cached_tokens: u64,
    /// The part of the answer that was reasoning.
    pub reasoning_tokens: u64,
    /// Pictures made.
    pub images: u64,
    /// Videos made.
    pub videos: u64,
    /// Text spoken (UTF-8 bytes).
    pub spoken_bytes: u64,
    /// Audio heard (milliseconds).
    pub audio_ms: u64,
    /// What it cost, at the price in force when it began; `None` where no source gives a price.
    pub cost: Option<Money>,
    /// That price.
    pub price: Option<Arc<Price>>,
    /// How long it stood in line (milliseconds).
    pub queued_ms: u64,
    /// Until the first byte of a streamed answer (milliseconds).
    pub first_ms: Option<u64>,
    /// Until its end (milliseconds).
    pub total_ms: u64,
    /// Calls of the upstream that it took.
    pub attempts: u32,
    /// Edits of the request and the answer, as in `x-flowgate-edits`.
    pub edits: Arc<str>,
    /// The upstream's id of the request.
    pub trace_id: Id,
    /// What is strange about it.
    pub flags: Flags,
}

impl Row {
    /// What it used, as far as that can cost anything.
    pub fn consumed(&self) -> Consumed {
        Consumed {
            input_tokens: self.input_tokens,
            cached_tokens: self.cached_tokens,
            output_tokens: self.output_tokens,
            images: self.images,
            videos: self.videos,
            utf8_bytes: self.spoken_bytes,
            audio_millis: self.audio_ms,
        }
    }

    /// When it began.
    pub fn at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.at_ms)
    }

    /// How a request may have ended.
    pub const OUTCOMES: [&'static str; 5] = ["complete", "refused", "caller_gone", "broken", "unknown"];
    /// How its usage may be known.
    pub const USAGES: [&'static str; 5] = ["exact", "at_least", "estimated", "unknown", "none"];

    /// The day in Shanghai that it began on.
    pub fn day(&self) -> u64 {
        date::day_of_ms(self.at_ms)
    }

    /// Whether it ended otherwise than with a whole answer.
    pub fn is_failed(&self) -> bool {
        self.outcome != "complete"
    }

    /// Whether it used something that nobody gives a price for.
    pub fn is_unpriced(&self) -> bool {
        self.cost.is_none() && self.usage != "none"
    }

    /// Whether its usage is not known exactly.
    pub fn is_inexact(&self) -> bool {
        !matches!(&*self.usage, "exact" | "none")
    }

    /// What sums may tell it apart by, but for its day.
    pub fn labels(&self) -> Labels<'_> {
        Labels {
            key: &self.key,
            team: &self.team,
            tags: &self.tags,
            account: &self.account,
            model: &self.model,
            endpoint: &self.endpoint,
            right: &self.right,
        }
    }
}

/// Who calls, as rows name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The key's name.
    pub key: Arc<str>,
    /// Its team; empty without one.
    pub team: Arc<str>,
    /// Its tags, sorted, with commas between them.
    pub tags: Arc<str>,
}

/// What rows that are summed together have in common, but for their day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Labels<'a> {
    /// As in [`Row::key`].
    pub key: &'a str,
    /// As in [`Row::team`].
    pub team: &'a str,
    /// As in [`Row::tags`].
    pub tags: &'a str,
    /// As in [`Row::account`].
    pub account: &'a str,
    /// As in [`Row::model`].
    pub model: &'a str,
    /// As in [`Row::endpoint`].
    pub endpoint: &'a str,
    /// As in [`Row::right`].
    pub right: &'a str,
}

/// What is strange about a row, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flags(pub u32);

impl Flags {
    /// The upstream reported more than can be; what can be was taken.
    pub const CLAMPED: Self = Self(1);
    /// The process died before the request was over: what was held for it counts as its cost.
    pub const INTERRUPTED: Self = Self(1 << 1);
    /// The caller had left; the answer was read to its end for the usage.
    pub const DRAINED: Self = Self(1 << 2);
    /// It cost more than was held for it.
    pub const OVERRUN: Self = Self(1 << 3);

    /// Every flag with its word.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::CLAMPED, "clamped"),
        (Self::INTERRUPTED, "interrupted"),
        (Self::DRAINED, "drained"),
        (Self::OVERRUN, "overrun"),
    ];

    /// Whether all bits of `flag` are set.
    pub fn has(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }

    /// The words of those that are set.
    pub fn words(self) -> Vec<&'static str> {
        Self::ALL.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, word)| *word).collect()
    }

    /// Sets the bits of `flag`.
    pub fn set(&mut self, flag: Self) {
        self.0 |= flag.0;
    }
}
