//! The options of `flowgate usage`.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::ConfigArguments;

/// Options of `usage`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  flowgate usage                               this month, by key
  flowgate usage --today --by key,model
  flowgate usage --month 2026-10 --by day --team growth
  flowgate usage --from 2026-11-01 --format csv > november.csv
  flowgate usage export --after 120000         rows since the last export

Days are those of Asia/Shanghai. It reads the ledger in the state folder, whether
the gateway runs or not; a request is in it within a second of its end.")]
pub(in crate::cli) struct UsageArguments {
    #[command(subcommand)]
    pub(super) command: Option<UsageCommand>,
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    #[command(flatten)]
    pub(super) rows: RowArguments,
    /// What sums are told apart by: some of key, team, tag, account, model, endpoint, day, right
    #[arg(long, value_name = "WORDS", default_value = "key")]
    pub(super) by: String,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}

#[derive(Debug, Subcommand)]
pub(super) enum UsageCommand {
    /// Print rows, one for each request, in the order of their numbers
    Export(ExportArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "Each row has its number (`seq`). Where an export ended, the next one goes on with that
number as --after; it prints no line of names then.")]
pub(super) struct ExportArguments {
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    #[command(flatten)]
    pub(super) rows: RowArguments,
    /// Only rows with numbers above this one
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub(super) after: u64,
    /// How to print them: JSON Lines or CSV
    #[arg(long, value_enum, default_value_t = RowFormat::Jsonl)]
    pub(super) format: RowFormat,
}

/// Which rows.
#[derive(Debug, Args)]
pub(super) struct RowArguments {
    /// First day, such as 2026-11-01 (in Asia/Shanghai)
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Last day, included [default: today]
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Today only
    #[arg(long)]
    today: bool,
    /// A month such as 2026-11; this one if none is named
    #[arg(long, value_name = "MONTH", num_args = 0..=1, default_missing_value = "")]
    month: Option<String>,
    /// Only this key (may be given several times, as may those that follow)
    #[arg(long)]
    key: Vec<String>,
    /// Only keys of this team
    #[arg(long)]
    team: Vec<String>,
    /// Only keys with this tag
    #[arg(long)]
    tag: Vec<String>,
    /// Only what was sent with this account
    #[arg(long)]
    account: Vec<String>,
    /// Only calls of this model
    #[arg(long)]
    model: Vec<String>,
    /// Only this endpoint, such as /chat/completions
    #[arg(long)]
    endpoint: Vec<String>,
    /// Only calls by this right: free, name, policy or spill
    #[arg(long)]
    right: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Csv,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RowFormat {
    Jsonl,
    Csv,
}

impl RowArguments {
    /// As the names and values that a question is made of.
    pub(super) fn pairs(&self) -> Vec<(&'static str, &str)> {
        let days = [("from", &self.from), ("until", &self.until), ("month", &self.month)];
        let days = days.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let only = [
            ("key", &self.key),
            ("team", &self.team),
            ("tag", &self.tag),
            ("account", &self.account),
            ("model", &self.model),
            ("endpoint", &self.endpoint),
            ("right", &self.right),
        ];
        let only = only.into_iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value.as_str())));
        days.chain(self.today.then_some(("today", ""))).chain(only).collect()
    }
}
