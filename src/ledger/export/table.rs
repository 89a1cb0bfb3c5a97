//! A report as a table for people.

use std::fmt::Write as _;

use super::Report;
use crate::ledger::date;
use crate::ledger::query::Dimension;
use crate::ledger::sum::Sum;
use crate::quota::money::Money;

/// A column of numbers: its title, the cell, and whether it is there though all are nothing.
type Column = (&'static str, fn(&Sum) -> String, bool);

const COLUMNS: [Column; 8] = [
    ("requests", |sum| thousands(sum.requests), true),
    ("failed", |sum| thousands(sum.failed), true),
    ("input", |sum| thousands(sum.input_tokens), true),
    ("output", |sum| thousands(sum.output_tokens), true),
    ("cached", |sum| thousands(sum.cached_tokens), false),
    ("reasoning", |sum| thousands(sum.reasoning_tokens), false),
    ("images", |sum| thousands(sum.images), false),
    ("cost CNY", |sum| cny(sum.cost), true),
];

/// The report as a table with a line for all, and what must be known about its numbers.
pub fn table(report: &Report) -> String {
    let columns: Vec<Column> =
        COLUMNS.into_iter().filter(|(_, cell, is_kept)| *is_kept || cell(&report.total) != "0").collect();
    let titles = report.query.by.iter().map(|dimension| dimension.word()).chain(columns.iter().map(|column| column.0));
    let mut lines = vec![titles.map(str::to_owned).collect()];
    lines.extend(report.sums.iter().map(|sum| line(report, sum, &columns)));
    if !report.query.by.is_empty() {
        lines.push(line(report, &Sum { group: vec!["total".to_owned()], ..report.total.clone() }, &columns));
    }
    let (from, until) = (date::written(report.query.from_day), date::written(report.query.until_day));
    format!("{from} to {until}, days in Asia/Shanghai\n\n{}{}", aligned(&lines, report.query.by.len()), notes(report))
}

fn line(report: &Report, sum: &Sum, columns: &[Column]) -> Vec<String> {
    let group = (0..report.query.by.len()).map(|at| sum.group.get(at).map_or_else(String::new, |value| name(value)));
    group.chain(columns.iter().map(|(_, cell, _)| cell(sum))).collect()
}

/// What has no name has a sign, and nothing that a terminal would obey is shown.
fn name(value: &str) -> String {
    let shown = value.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
    if value.is_empty() { "-".to_owned() } else { shown.collect() }
}

/// Names to the left, numbers to the right.
fn aligned(lines: &[Vec<String>], names: usize) -> String {
    let count = lines.first().map_or(0, Vec::len);
    let length = |line: &Vec<String>, at: usize| line.get(at).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..count).map(|at| lines.iter().map(|line| length(line, at)).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at < names {
            true => format!("{cell:width$}"),
            false => format!("{cell:>width$}"),
        });
        let _infallible = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

fn notes(report: &Report) -> String {
    let total = &report.total;
    let mut text = String::new();
    let mut note = |count: u64, words: &str| {
        if count > 0 {
            let _infallible = writeln!(text, "{} {words}", thousands(count));
        }
    };
    note(
        total.unpriced,
        "without a price: no source gives one for something that they used, so their cost is not in the sums.",
    );
    note(total.inexact, "not known exactly: they broke off or came without usage, and count as far as is known.");
    if report.query.by.contains(&Dimension::Tag) {
        text.push_str("A request with several tags is in the line of each, and once in the total.\n");
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Two to six decimals, cut and not rounded; what is less than the last one is not shown as nothing.
fn cny(cost: Money) -> String {
    if cost != Money::ZERO && cost.micros_cny() == 0 {
        return "<0.000001".to_owned();
    }
    let text = Money::from_micros_cny(cost.micros_cny()).to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, "00"));
    format!("{}.{decimals}", whole.parse().map_or_else(|_| whole.to_owned(), thousands))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Query;

    #[test]
    fn numbers_are_readable() {
        let check = |number, expected: &str| assert_eq!(thousands(number), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(1_234_567, "1,234,567");
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn money_has_two_to_six_decimals() {
        let check = |picos, expected: &str| assert_eq!(cny(Money::from_picos_cny(picos)), expected);
        check(0, "0.00");
        check(1, "<0.000001");
        check(1_500_000, "0.000001");
        check(12_340_000_000_000, "12.34");
        check(1_234_567_891_999_999_999, "1,234,567.891999");
        check(u64::MAX, "18,446,744.073709");
    }

    #[test]
    fn a_table_is_aligned_and_says_what_is_missing() {
        let sum = |name: &str, requests| Sum {
            group: vec![name.to_owned()],
            requests,
            input_tokens: requests * 1000,
            cost: Money::from_micros_cny(requests * 10_000),
            ..Sum::default()
        };
        let total = Sum { unpriced: 2, inexact: 1, ..sum("", 1235) };
        let query = Query { from_day: 20_758, until_day: 20_787, by: vec![Dimension::Key], only: Vec::new() };
        let report = Report { query, sums: vec![sum("", 1), sum("an\x1bn", 1234)], total };
        let expected = "2026-11-01 to 2026-11-30, days in Asia/Shanghai

key    requests  failed      input  output  cost CNY
-             1       0      1,000       0      0.01
an\u{fffd}n      1,234       0  1,234,000       0     12.34
total     1,235       0  1,235,000       0     12.35

2 without a price: no source gives one for something that they used, so their cost is not in the sums.
1 not known exactly: they broke off or came without usage, and count as far as is known.
";
        assert_eq!(table(&report), expected);
    }
}
