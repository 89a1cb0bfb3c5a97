//! The lines that a batch has made, as rows of the ledger. What a line says is not kept.

use std::collections::HashSet;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use crate::catalog::plan::Facts;
use crate::jobs::Job;
use crate::ledger::{Price, Row};
use crate::quota::money::Money;
use crate::relay::usage::{self, Certainty, Usage};
use crate::wire::json::Object;

/// A line beyond this is none (bytes; ours): the longest answers on offer are about 1 MB.
const MOST_LINE: u64 = 32 * 1024 * 1024;
/// What of a caller's own name of a line stands in the ledger (characters; ours).
const MOST_NAME: usize = 128;
/// The endpoint that rows of batches have.
const ENDPOINT: &str = "/batches";

/// Reads rows from the lines of `from`, one for each `custom_id`. `number` gives each its number, `facts` tells what is known of a
/// model; a batch costs half of what its requests would (siliconflow-api.md, section 13). `at_ms`: when the batch was over (Unix
/// milliseconds).
///
/// # Errors
/// When it cannot be read.
pub(super) fn rows(
    job: &Job,
    mut from: impl BufRead,
    at_ms: u64,
    facts: impl Fn(&str) -> Facts,
    mut number: impl FnMut() -> u64,
) -> io::Result<Vec<Row>> {
    let (mut rows, mut seen, mut line) = (Vec::new(), HashSet::new(), Vec::new());
    loop {
        line.clear();
        if from.by_ref().take(MOST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(rows);
        }
        let Some((name, answer)) = std::str::from_utf8(&line).ok().and_then(read) else { continue };
        if seen.insert(name.clone()) {
            rows.push(Row { seq: number(), at_ms, ..row(job, &name, &answer, &facts) });
        }
    }
}

/// What a line says of its request.
struct Answer {
    status: u16,
    model: String,
    usage: Usage,
}

/// The caller's name of a line, and what came of it.
fn read(line: &str) -> Option<(String, Answer)> {
    let line = Object::parse(line.trim()).ok()?;
    let name = line.string("custom_id")?.into_owned();
    let response = line.get("response").and_then(|response| Object::parse(response.value).ok()).unwrap_or_default();
    let body = response.get("body").and_then(|body| Object::parse(body.value).ok()).unwrap_or_default();
    let status = response.get("status_code").and_then(|status| status.value.parse().ok());
    let model = body.string("model").unwrap_or_default().into_owned();
    // A line without an answer failed, whatever it says of a status.
    let status = status.unwrap_or(if line.has("error") { 500 } else { 200 });
    Some((name, Answer { status, model, usage: usage::of_answer(&body) }))
}

fn row(job: &Job, name: &str, answer: &Answer, facts: impl Fn(&str) -> Facts) -> Row {
    let is_good = (200..300).contains(&answer.status);
    let usage = if is_good || answer.usage.certainty == Certainty::Exact { answer.usage } else { Usage::nothing() };
    let price = facts(&answer.model).price.map(|price| Arc::new(price.of_batch()));
    let mut row = Row {
        id: format!("{}/{}", job.id, name.chars().take(MOST_NAME).collect::<String>()).into(),
        key: job.who.key.clone(),
        team: job.who.team.clone(),
        tags: job.who.tags.clone(),
        account: job.account.clone(),
        asked: answer.model.as_str().into(),
        model: answer.model.as_str().into(),
        right: if price.as_deref() == Some(&Price::default()) { "free".into() } else { "name".into() },
        endpoint: ENDPOINT.into(),
        status: answer.status,
        outcome: if is_good { "complete".into() } else { "refused".into() },
        usage: usage.certainty.label().into(),
        input_tokens: usage.tokens.input,
        output_tokens: usage.tokens.output,
        cached_tokens: usage.tokens.cached,
        reasoning_tokens: usage.tokens.reasoning,
        price,
        attempts: 1,
        ..Row::default()
    };
    // A batch has no hour of the day: its price has no off-peak.
    let cost = row.price.as_ref().map(|price| price.cost(&row.consumed(), row.at()));
    row.cost = if usage.certainty == Certainty::Nothing { Some(Money::ZERO) } else { cost };
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalogue;
    use crate::jobs::{Kind, Phase, Yield};
    use crate::ledger::Who;

    fn job() -> Job {
        Job {
            id: "b1".to_owned(),
            kind: Kind::Batch,
            upstream_id: "b1".to_owned(),
            who: Who { key: "ann".into(), team: "t".into(), tags: "x".into() },
            account: "main".into(),
            model: "".into(),
            created_at: 1,
            finished_at: None,
            size: String::new(),
            phase: Phase::Saving,
            fault: String::new(),
            output: Yield::default(),
            errors: Yield::default(),
        }
    }

    fn read_rows(lines: &str) -> Vec<Row> {
        let mut last = 10;
        let number = || {
            last += 1;
            last
        };
        rows(&job(), lines.as_bytes(), 7, |model| Facts::of(Catalogue::builtin().get(model)), number).unwrap()
    }

    #[test]
    fn a_line_costs_half_and_stands_there_once() {
        let good = r#"{"id":"1","custom_id":"a","response":{"status_code":200,"body":{"model":"deepseek-ai/DeepSeek-V3","usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}},"error":null}"#;
        let lines = format!("{good}\n\nnot json\n{good}\n");
        let rows = read_rows(&lines);
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!((row.seq, &*row.id, &*row.key, &*row.endpoint, row.at_ms), (11, "b1/a", "ann", "/batches", 7));
        assert_eq!((row.input_tokens, row.output_tokens, &*row.usage), (1000, 500, "exact"));
        let whole = Catalogue::builtin().cost("deepseek-ai/DeepSeek-V3", &row.consumed(), row.at()).unwrap();
        assert_eq!(row.cost.unwrap().times(2), whole);
    }

    #[test]
    fn what_failed_or_is_unknown_is_told_as_that() {
        let lines = r#"{"custom_id":"bad","response":{"status_code":400,"body":{"code":20012}},"error":null}
{"custom_id":"none","response":null,"error":{"code":"x"}}
{"custom_id":"free","response":{"status_code":200,"body":{"model":"Qwen/Qwen3-8B","usage":{"prompt_tokens":5,"completion_tokens":5}}}}
{"custom_id":"odd","response":{"status_code":200,"body":{"model":"who/knows","usage":{"prompt_tokens":5,"completion_tokens":5}}}}
{"custom_id":"silent","response":{"status_code":200,"body":{"model":"deepseek-ai/DeepSeek-V3"}}}"#;
        let rows = read_rows(lines);
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.status, &*row.outcome, &*row.usage, &*row.right, row.cost.map(|cost| cost.to_string())))
            .collect();
        let zero = || Some("0.00".to_owned());
        assert_eq!(
            told,
            [
                (400, "refused", "none", "name", zero()),
                (500, "refused", "none", "name", zero()),
                (200, "complete", "exact", "free", zero()),
                (200, "complete", "exact", "name", None),
                (200, "complete", "unknown", "name", zero()),
            ]
        );
    }
}
