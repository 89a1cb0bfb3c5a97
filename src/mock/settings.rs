//! What whoever starts the emulator may choose. Plain data with defaults fit for tests: no waiting, no limits.
//! It must not know files, flags or the environment; the command line fills it.

use super::chat::script::Turn;
use super::quota::limits::Limits;
use super::quota::window::{Charge, Rule};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// How the emulator behaves. `MockSettings::default()` is quick, unlimited and deterministic.
#[derive(Debug, Clone)]
pub struct MockSettings {
    /// Where to listen; port 0 lets the system choose. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Keys accepted as `Authorization: Bearer`. All belong to one account (limits are per account and model, API
    /// reference section 16) unless written `KEY@ACCOUNT`. Default `sk-mock`. An empty list accepts any key.
    pub api_keys: Vec<String>,
    /// Changes the wording of answers, the vectors and the ids; the same seed gives the same answers.
    pub seed: u64,
    /// Wait before the first byte of an answer. Default zero.
    pub first_token: Duration,
    /// Wait between two tokens of an answer. Default zero.
    pub token_interval: Duration,
    /// Quotas. Off by default.
    pub limits: LimitSettings,
    /// How long a picture's URL stays valid. Default 3,600 s (API reference section 9).
    pub picture_lifetime: Duration,
    /// How long a video job takes from submit to `Succeed`. Default 3 s (ours; real ones take minutes).
    pub video_time: Duration,
    /// How long a batch takes from creation to `completed`. Default 1 s (ours; real ones take hours).
    pub batch_time: Duration,
    /// Base of the URLs handed out for pictures and the like, without a slash at the end. `None` uses the `Host` the
    /// request came with.
    pub public_url: Option<String>,
    /// Answer a bad key with the object `{"code":20012,"message":"Api key is invalid"}` instead of the bare string
    /// `"Invalid token"` (API reference section 15 has both).
    pub token_error_object: bool,
    /// Answers written down beforehand; see [`Turn`]. A turn that is none keeps the emulator from starting.
    pub script: Vec<Turn>,
}

impl Default for MockSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api_keys: vec!["sk-mock".into()],
            seed: 0,
            first_token: Duration::ZERO,
            token_interval: Duration::ZERO,
            limits: LimitSettings::default(),
            picture_lifetime: Duration::from_secs(3600),
            video_time: Duration::from_secs(3),
            batch_time: Duration::from_secs(1),
            public_url: None,
            token_error_object: false,
            script: Vec::new(),
        }
    }
}

/// Which quotas are kept and how they are counted.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Keep the catalogue's limits. Off, only the models in `per_model` are limited.
    pub enforce: bool,
    /// The account's usage level; it scales the limits of paid models. Default L0, a new account.
    pub tier: Tier,
    /// How amounts leave a minute's window. Default sliding (reported as a rolling 60 s, API reference section 16).
    /// Hours and days are those of the wall in Asia/Shanghai, whatever the rule (ours).
    pub rule: Rule,
    /// When tokens are charged. Default after the answer, with the real usage (ours: not documented).
    pub charge: Charge,
    /// Whether a request refused with 429 counts as a request. Default no (ours; failed requests of other kinds do).
    pub refused_count: bool,
    /// How long a "minute" is; an hour has 60 of them and a day 1,440, counted from a midnight in Shanghai. Default
    /// 60 s, which makes real hours and days. Tests shorten it.
    pub minute: Duration,
    /// Limits by model id, in place of the catalogue's. They hold even when `enforce` is off.
    pub per_model: HashMap<String, Limits>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            enforce: false,
            tier: Tier::L0,
            rule: Rule::Sliding,
            charge: Charge::After,
            refused_count: false,
            minute: Duration::from_secs(60),
            per_model: HashMap::new(),
        }
    }
}

/// SiliconFlow's usage level of an account, by monthly spend (rate-limit page; `[tiers]` in `config/models.toml`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are SiliconFlow's own and say all there is")]
pub enum Tier {
    #[default]
    L0,
    L1,
    L2,
    L3,
    L4,
    L5,
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_uppercase().as_str() {
            "L0" => Ok(Self::L0),
            "L1" => Ok(Self::L1),
            "L2" => Ok(Self::L2),
            "L3" => Ok(Self::L3),
            "L4" => Ok(Self::L4),
            "L5" => Ok(Self::L5),
            _ => Err(format!("no tier {text:?}: expected L0 to L5")),
        }
    }
}
