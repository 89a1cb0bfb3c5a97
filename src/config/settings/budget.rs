//! `[budget]`: who is told when a budget is nearly used up, or is.

use std::path::PathBuf;

use http::Uri;
use secrecy::SecretString;

use crate::config::reader::Section;

/// `[budget]`
#[derive(Debug, Clone, Default)]
pub struct BudgetSettings {
    /// Where messages go; without it nobody is told.
    pub webhook: Option<Uri>,
    /// With which they are signed.
    pub webhook_secret: Option<SecretString>,
}

pub(super) fn read(section: &Section<'_>, watched: &mut Vec<PathBuf>) -> BudgetSettings {
    let webhook = section.read("webhook", |value| {
        let uri = value.as_str().and_then(|text| text.parse::<Uri>().ok());
        let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        // It may have a secret in it, so it is not repeated.
        uri.filter(is_web).ok_or_else(|| "must be a URL such as \"https://example.com/hooks/budget\"".to_owned())
    });
    let webhook_secret = section.secret("webhook_secret").map(|(secret, file)| {
        watched.extend(file);
        secret
    });
    BudgetSettings { webhook, webhook_secret }
}
