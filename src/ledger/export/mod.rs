//! Sums and rows as text: a table for people, CSV for spreadsheets, JSON for programs. Pure; whoever prints them sends them on.

mod cell;
mod table;

use std::fmt::Write as _;

use super::date;
use super::query::{Dimension, Query};
use super::row::Row;
use super::sum::Sum;
use cell::{Cell, Cells};
pub use table::table;

/// What a report answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was asked.
    pub query: Query,
    /// A sum for each group.
    pub sums: Vec<Sum>,
    /// All of it, with each row in it once.
    pub total: Sum,
}

/// The report as one JSON object.
pub fn sums_json(report: &Report) -> String {
    let Report { query, sums, total } = report;
    let mut text = String::from("{\"object\":\"usage\"");
    let _infallible = write!(text, ",\"from\":\"{}\"", date::written(query.from_day));
    let _infallible = write!(text, ",\"until\":\"{}\",\"by\":[", date::written(query.until_day));
    text.push_str(&joined(query.by.iter().map(|dimension| format!("\"{}\"", dimension.word()))));
    text.push_str("],\"data\":[");
    text.push_str(&joined(sums.iter().map(|sum| sum_cells(&query.by, sum).json())));
    let _infallible = write!(text, "],\"total\":{}}}", sum_json(total));
    text
}

/// A sum without its group, as a JSON object.
pub fn sum_json(sum: &Sum) -> String {
    sum_cells(&[], sum).json()
}

/// The report as CSV: a line of names, then one for each group.
pub fn sums_csv(report: &Report) -> String {
    let lines = report.sums.iter().map(|sum| sum_cells(&report.query.by, sum).csv());
    sum_cells(&report.query.by, &Sum::default()).csv_names() + &lines.collect::<String>()
}

/// The line of names of [`row_csv`].
pub fn row_csv_names() -> String {
    row_cells(&Row::default()).csv_names()
}

/// A row as a line of CSV.
pub fn row_csv(row: &Row) -> String {
    row_cells(row).csv()
}

/// A row as a JSON object.
pub fn row_json(row: &Row) -> String {
    row_cells(row).json()
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

fn sum_cells<'a>(by: &[Dimension], sum: &'a Sum) -> Cells<'a> {
    let groups = by.iter().enumerate().map(|(at, dimension)| {
        let value = sum.group.get(at).map_or("", String::as_str);
        (dimension.word(), Cell::Text(value.into()))
    });
    let mut cells: Vec<_> = groups.collect();
    cells.extend([
        ("requests", Cell::Number(sum.requests)),
        ("failed", Cell::Number(sum.failed)),
        ("input_tokens", Cell::Number(sum.input_tokens)),
        ("output_tokens", Cell::Number(sum.output_tokens)),
        ("cached_tokens", Cell::Number(sum.cached_tokens)),
        ("reasoning_tokens", Cell::Number(sum.reasoning_tokens)),
        ("images", Cell::Number(sum.images)),
        ("cost_cny", Cell::Text(sum.cost.to_string().into())),
        ("unpriced", Cell::Number(sum.unpriced)),
        ("inexact", Cell::Number(sum.inexact)),
    ]);
    Cells(cells)
}

fn row_cells(row: &Row) -> Cells<'_> {
    Cells(vec![
        ("seq", Cell::Number(row.seq)),
        ("id", Cell::Text((&*row.id).into())),
        ("at", Cell::Text(date::utc(row.at_ms).into())),
        ("key", Cell::Text((&*row.key).into())),
        ("team", Cell::Text((&*row.team).into())),
        ("tags", Cell::Words(row.tags.split(',').filter(|tag| !tag.is_empty()).collect())),
        ("account", Cell::Text((&*row.account).into())),
        ("asked", Cell::Text((&*row.asked).into())),
        ("model", Cell::Text((&*row.model).into())),
        ("right", Cell::Text((&*row.right).into())),
        ("endpoint", Cell::Text((&*row.endpoint).into())),
        ("status", Cell::Number(row.status.into())),
        ("outcome", Cell::Text((&*row.outcome).into())),
        ("usage", Cell::Text((&*row.usage).into())),
        ("input_tokens", Cell::Number(row.input_tokens)),
        ("output_tokens", Cell::Number(row.output_tokens)),
        ("cached_tokens", Cell::Number(row.cached_tokens)),
        ("reasoning_tokens", Cell::Number(row.reasoning_tokens)),
        ("images", Cell::Number(row.images)),
        ("videos", Cell::Number(row.videos)),
        ("spoken_bytes", Cell::Number(row.spoken_bytes)),
        ("audio_ms", Cell::Number(row.audio_ms)),
        ("cost_cny", row.cost.map_or(Cell::Missing, |cost| Cell::Text(cost.to_string().into()))),
        ("price", row.price.as_ref().map_or(Cell::Missing, |price| Cell::Json(price.to_json()))),
        ("queued_ms", Cell::Number(row.queued_ms)),
        ("first_ms", row.first_ms.map_or(Cell::Missing, Cell::Number)),
        ("total_ms", Cell::Number(row.total_ms)),
        ("attempts", Cell::Number(row.attempts.into())),
        ("edits", Cell::Text((&*row.edits).into())),
        ("trace_id", Cell::Text((&*row.trace_id).into())),
        ("flags", Cell::Words(row.flags.words())),
    ])
}
