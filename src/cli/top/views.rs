//! The views: what of a gateway's documents becomes which table. Pure.

use super::document::{Limit, Live, Snapshot};
use super::table::{Cell, Column, Row, Table};
use super::theme::Tone;
use super::words;

/// What can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Quota,
    Models,
    Keys,
    Errors,
}

impl View {
    pub(super) const ALL: [Self; 4] = [Self::Quota, Self::Models, Self::Keys, Self::Errors];

    pub(super) fn title(self) -> &'static str {
        ["Quota", "Models", "Keys", "Errors"][self as usize]
    }

    /// The table of what is so now; `before` is what was so up to a minute ago.
    pub(super) fn table(self, now: &Snapshot, before: Option<&Live>) -> Table {
        match self {
            Self::Quota => quota(now),
            Self::Models => models(&now.live, before),
            Self::Keys => keys(now, before),
            Self::Errors => errors(&now.live, before),
        }
    }
}

/// What names need at least: an account's shortest and a model's end.
const NAMES: usize = 20;

const fn column(title: &'static str, width: usize, gives_way: u8) -> Column {
    Column { title, width, gives_way }
}

fn number(text: String) -> Cell {
    Cell::Number(text, Tone::Plain)
}

/// What went wrong, or waits: seen only if there is some.
fn alarming(count: u64, tone: Tone) -> Cell {
    Cell::Number(words::count(count), if count > 0 { tone } else { Tone::Faint })
}

fn quota(now: &Snapshot) -> Table {
    const COLUMNS: &[Column] = &[
        column("metric", 6, 0),
        column("used", 10, 2),
        column("of limit", 9, 1),
        column("resv", 5, 6),
        column("queue", 5, 3),
        column("free in", 7, 4),
        column("source", 7, 5),
    ];
    let has_one_account = now.live.accounts.len() < 2;
    let mut rows = Vec::new();
    for lane in &now.limits.data {
        let name = lane.model.as_ref().filter(|_| has_one_account).unwrap_or(&lane.name);
        rows.extend(lane.limits.iter().map(|limit| limit_row(name, lane.waiting, limit)));
    }
    let empty = "No model was used lately: a limit shows up with its first request.";
    Table { title: "model", name_width: NAMES, columns: COLUMNS, sorts: &["scarcity", "queue"], rows, empty }
}

fn limit_row(name: &str, waiting: u64, limit: &Limit) -> Row {
    let part = |count: u64| if limit.limit == 0 { 1.0 } else { count as f64 / limit.limit as f64 };
    let (used, reserved) = (part(limit.used), if limit.reserved == 0 { 0.0 } else { part(limit.reserved) });
    let cells = vec![
        Cell::Word(limit.metric.to_uppercase()),
        Cell::Bar(used, reserved),
        Cell::Number(
            format!("{}/{}", words::count(limit.used), words::count(limit.limit)),
            Tone::full(used + reserved),
        ),
        Cell::Number(words::count(limit.reserved), if limit.reserved > 0 { Tone::Plain } else { Tone::Faint }),
        alarming(waiting, Tone::Doubtful),
        number(words::wait(limit.free_in_seconds)),
        Cell::Word(source(&limit.source).to_owned()),
    ];
    Row { name: name.to_owned(), cells, ranks: vec![used + reserved, waiting as f64] }
}

/// Where a limit comes from, in seven letters.
fn source(source: &str) -> &str {
    match source {
        "configured" => "config",
        "documented" => "docs",
        "interpolated" => "between",
        short => short,
    }
}

/// How much a sum has grown for each second since `before`.
fn pace(now: &Live, before: Option<&Live>, sum: impl Fn(&Live) -> Option<u64>) -> Option<f64> {
    let before = before?;
    let span = now.now_ms.checked_sub(before.now_ms).filter(|span| *span > 0)?;
    // What was not there yet had counted nothing.
    let grown = sum(now)?.saturating_sub(sum(before).unwrap_or(0));
    Some(grown as f64 * 1000.0 / span as f64)
}

fn paced(pace: Option<f64>) -> Cell {
    match pace {
        None => Cell::Number("-".to_owned(), Tone::Faint),
        Some(0.0) => Cell::Number("0".to_owned(), Tone::Faint),
        Some(pace) => Cell::Number(words::rate(pace), Tone::Good),
    }
}

fn models(now: &Live, before: Option<&Live>) -> Table {
    const COLUMNS: &[Column] = &[
        column("req/s", 6, 2),
        column("tok/s", 6, 3),
        column("queue", 5, 4),
        column("requests", 8, 0),
        column("failed", 6, 1),
        column("refused", 7, 8),
        column("tok in", 6, 6),
        column("tok out", 7, 7),
        column("CNY", 7, 5),
    ];
    let rows = now.models.iter().map(|own| {
        let find = |live: &Live| live.models.iter().find(|model| model.model == own.model).cloned();
        let requests = pace(now, before, |live| Some(find(live)?.requests));
        let tokens = pace(now, before, |live| find(live).map(|model| model.input_tokens + model.output_tokens));
        let cells = vec![
            paced(requests),
            paced(tokens),
            alarming(own.waiting, Tone::Doubtful),
            number(words::count(own.requests)),
            alarming(own.failed, Tone::Bad),
            alarming(own.refused, Tone::Doubtful),
            number(words::count(own.input_tokens)),
            number(words::count(own.output_tokens)),
            number(words::money(own.cost_cny)),
        ];
        let ranks = vec![own.requests as f64, tokens.unwrap_or(0.0), own.failed as f64, own.cost_cny];
        Row { name: own.model.clone(), cells, ranks }
    });
    let sorts = &["requests", "tok/s", "failed", "CNY"];
    Table {
        title: "model",
        name_width: NAMES,
        columns: COLUMNS,
        sorts,
        rows: rows.collect(),
        empty: "Nothing was asked for yet.",
    }
}

fn keys(now: &Snapshot, before: Option<&Live>) -> Table {
    const COLUMNS: &[Column] = &[
        column("team", 10, 4),
        column("tok/s", 6, 3),
        column("tok in", 7, 2),
        column("tok out", 7, 1),
        column("CNY", 8, 0),
        column("budget", 6, 0),
    ];
    let live = &now.live;
    let rows = live.keys.iter().map(|own| {
        let find = |live: &Live| live.keys.iter().find(|key| key.key == own.key && key.team == own.team).cloned();
        let tokens = pace(live, before, |live| find(live).map(|key| key.input_tokens + key.output_tokens));
        let budgets = now.limits.budgets.iter().filter(|budget| budget.scope == "key" && budget.name == own.key);
        let budget = budgets.map(|budget| budget.used_percent).max();
        let cells = vec![
            Cell::Word(own.team.clone()),
            paced(tokens),
            number(words::count(own.input_tokens)),
            number(words::count(own.output_tokens)),
            number(words::money(own.cost_cny)),
            match budget {
                None => Cell::Number("-".to_owned(), Tone::Faint),
                Some(percent) => Cell::Number(format!("{percent}%"), Tone::full(percent as f64 / 100.0)),
            },
        ];
        let used = (own.input_tokens + own.output_tokens) as f64;
        let ranks = vec![own.cost_cny, used, tokens.unwrap_or(0.0), budget.unwrap_or(0) as f64];
        Row { name: own.key.clone(), cells, ranks }
    });
    let sorts = &["CNY", "tokens", "tok/s", "budget"];
    Table {
        title: "key",
        name_width: NAMES,
        columns: COLUMNS,
        sorts,
        rows: rows.collect(),
        empty: "No key has used anything yet.",
    }
}

fn errors(now: &Live, before: Option<&Live>) -> Table {
    const COLUMNS: &[Column] = &[column("from", 11, 2), column("last minute", 11, 1), column("count", 8, 0)];
    let rows = now.errors.iter().map(|own| {
        let find = |live: &Live| {
            live.errors.iter().find(|error| error.kind == own.kind && error.reason == own.reason).cloned()
        };
        let lately = before.map(|before| own.count.saturating_sub(find(before).map_or(0, |error| error.count)));
        let from = if own.kind == "refused" { "flowgate" } else { "SiliconFlow" };
        let cells = vec![
            Cell::Word(from.to_owned()),
            lately.map_or_else(|| paced(None), |lately| alarming(lately, Tone::Bad)),
            number(words::count(own.count)),
        ];
        Row { name: own.reason.clone(), cells, ranks: vec![lately.unwrap_or(0) as f64, own.count as f64] }
    });
    Table {
        title: "reason",
        name_width: NAMES,
        columns: COLUMNS,
        sorts: &["last minute", "count"],
        rows: rows.collect(),
        empty: "Nothing has gone wrong.",
    }
}
