//! What the operator decides about pictures and videos.

use std::path::PathBuf;
use std::time::Duration;

/// How long things are kept unless the file says otherwise (ours): the upstream's own links live for an hour.
const KEEP: Duration = Duration::from_secs(7 * 86_400);
/// How much is kept at most unless the file says otherwise (bytes; ours): a few thousand pictures of a megabyte.
const MOST_BYTES: u64 = 4 << 30;
/// Time to fetch one of them (ours).
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the upstream has put pictures so far: an Alibaba OSS bucket in 2025, `s3.siliconflow.cn` in 2026 (siliconflow-api.md,
/// section 9; both in public code that was read on 2026-11-22). Its own domains, because the name within them has changed before.
pub(super) const HOSTS: [&str; 3] = ["*.siliconflow.cn", "*.siliconflow.com", "sc-maas.oss-cn-shanghai.aliyuncs.com"];

/// `[media]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSettings {
    /// The folder; `None` is `media` in the state folder.
    pub dir: Option<PathBuf>,
    /// How long things are kept; zero keeps nothing, and the upstream's own links are passed on.
    pub keep: Duration,
    /// How much is kept (bytes); the oldest goes first.
    pub most_bytes: u64,
    /// Hosts that may be fetched from, over HTTPS only: names, or `*.` and a domain.
    pub hosts: Vec<String>,
    /// Where links begin, without a slash at the end; `None` is the host that the caller has called.
    pub public_url: Option<String>,
    /// Time to fetch one of them.
    pub fetch_timeout: Duration,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            dir: None,
            keep: KEEP,
            most_bytes: MOST_BYTES,
            hosts: HOSTS.map(str::to_owned).to_vec(),
            public_url: None,
            fetch_timeout: FETCH_TIMEOUT,
        }
    }
}
