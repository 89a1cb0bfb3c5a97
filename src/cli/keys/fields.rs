//! What a key may do, as flags.

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::desk::{AllowanceFields, number, text};
use crate::server::KEY_FIELDS;

/// The fields of a key.
#[derive(Debug, Clone, Args)]
pub(super) struct KeyFields {
    /// Who holds it
    #[arg(long)]
    owner: Option<String>,
    /// The team it belongs to
    #[arg(long)]
    team: Option<String>,
    /// A word to tell its usage apart by; may be given several times
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    tag: Vec<String>,
    /// When it ends: a span such as 30d, or a moment (UTC) such as 2027-01-31
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Models it may use, with commas between them, `*` at the end for any ending
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Endpoints it may use, such as /chat/completions,/embeddings
    #[arg(long, value_delimiter = ',')]
    endpoints: Vec<String>,
    /// Who is called for a name: exact, free-only, prefer-free or prefer-pro
    #[arg(long)]
    policy: Option<String>,
    /// Whether a request for a free model may go to a paid one
    #[arg(long, value_name = "true|false")]
    spill: Option<bool>,
    /// Requests a minute
    #[arg(long)]
    rpm: Option<String>,
    /// Requests an hour
    #[arg(long)]
    rph: Option<String>,
    /// Requests a day
    #[arg(long)]
    rpd: Option<String>,
    /// Tokens a minute
    #[arg(long)]
    tpm: Option<String>,
    /// Tokens a day
    #[arg(long)]
    tpd: Option<String>,
    /// Pictures a minute
    #[arg(long)]
    ipm: Option<String>,
    /// Pictures a day
    #[arg(long)]
    ipd: Option<String>,
    /// Requests at once
    #[arg(long)]
    concurrency: Option<String>,
    /// Its part in proportion to other keys', 1 to 1000
    #[arg(long)]
    weight: Option<String>,
    /// Higher ones go first, 0 to 9
    #[arg(long)]
    priority: Option<String>,
    /// How long its requests may wait
    #[arg(long, value_name = "DURATION")]
    max_wait: Option<String>,
    #[command(flatten)]
    allowance: AllowanceFields,
    /// What happens to an answer when its caller leaves: cancel or drain
    #[arg(long, value_name = "cancel|drain")]
    on_leave: Option<String>,
}

impl KeyFields {
    /// Whether none is given.
    pub(super) fn is_empty(&self) -> bool {
        self.clone().members().is_empty()
    }

    /// The same as members of an object, as the admin API takes them.
    pub(super) fn members(self) -> Map<String, Value> {
        let words = |words: Vec<String>| if words.is_empty() { None } else { Some(Value::from(words)) };
        let members = [
            ("owner", text(self.owner)),
            ("team", text(self.team)),
            ("tags", words(self.tag)),
            ("expires", text(self.expires)),
            ("models", words(self.models)),
            ("endpoints", words(self.endpoints)),
            ("policy", text(self.policy)),
            ("spill", self.spill.map(Value::from)),
            ("rpm", number(self.rpm)),
            ("rph", number(self.rph)),
            ("rpd", number(self.rpd)),
            ("tpm", number(self.tpm)),
            ("tpd", number(self.tpd)),
            ("ipm", number(self.ipm)),
            ("ipd", number(self.ipd)),
            ("concurrency", number(self.concurrency)),
            ("weight", number(self.weight)),
            ("priority", number(self.priority)),
            ("max_wait", text(self.max_wait)),
            ("on_leave", text(self.on_leave)),
        ];
        let members = members.into_iter().chain(self.allowance.members());
        members.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// The name of a field, as the file or the flag spells it.
pub(super) fn field(text: &str) -> Result<String, String> {
    let name = text.replace('-', "_");
    let known = KEY_FIELDS.contains(&name.as_str());
    if known { Ok(name) } else { Err(format!("there is no such field; there are {}", KEY_FIELDS.join(", "))) }
}
