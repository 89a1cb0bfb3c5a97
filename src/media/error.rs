//! Why something was not fetched or not kept.

use std::io;
use std::time::Duration;

/// Why there is nothing to hand out. The texts never quote the link: it is signed, and whoever has it can fetch it.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The link is no URL that could be fetched.
    #[error("its link is not a URL")]
    Url,
    /// Not HTTPS.
    #[error("its link is not https")]
    Scheme,
    /// A host that is not allowed.
    #[error("its link leads to the host `{0}`, which is not in `media.hosts`")]
    Host(String),
    /// An address of this machine, of a private network or of nobody.
    #[error("its link leads to an address that is not public")]
    Address,
    /// The host wants to send us elsewhere.
    #[error("its link leads to a redirect ({0}), which is never followed")]
    Redirect(u16),
    /// It is not there.
    #[error("the host of its link answered {0}")]
    Status(u16),
    /// Nobody answered.
    #[error("the host of its link could not be reached ({0})")]
    Unreachable(String),
    /// It broke off.
    #[error("it broke off before its end")]
    Broken,
    /// It took too long.
    #[error("it did not arrive within {0:?} (`media.fetch_timeout`)")]
    TooSlow(Duration),
    /// It is larger than anything of its kind.
    #[error("it is larger than {0} bytes, the most that is fetched")]
    TooLarge(u64),
    /// It is none, whatever was said of it.
    #[error("what is behind its link is no {0}")]
    Content(&'static str),
    /// It was fetched, and cannot be kept.
    #[error("it cannot be kept: {0}")]
    Disk(#[from] io::Error),
}

impl MediaError {
    /// The closed-set label for metrics: one of `telemetry::metrics::media::CAUSES`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Scheme => "scheme",
            Self::Host(_) => "host",
            Self::Address => "address",
            Self::Redirect(_) => "redirect",
            Self::Status(_) => "status",
            Self::Unreachable(_) => "unreachable",
            Self::Broken => "broken",
            Self::TooSlow(_) => "too_slow",
            Self::TooLarge(_) => "too_large",
            Self::Content(_) => "content",
            Self::Disk(_) => "disk",
        }
    }

    /// Whether another try may go better.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Broken | Self::Status(500..=599))
    }

    /// Whether the caller can still be given the upstream's own link: there is nothing wrong with it, only with us.
    pub fn leaves_the_link(&self) -> bool {
        matches!(self, Self::Host(_) | Self::Disk(_))
    }
}
