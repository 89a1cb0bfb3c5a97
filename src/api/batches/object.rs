//! Batches as OpenAI shows them. Pure.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::jobs::{Job, Phase};

/// Moments that OpenAI's batches have.
const TIMES: [&str; 9] = [
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
    "created_at",
];
/// Members that OpenAI's batches always have.
const OTHERS: [&str; 5] = ["errors", "output_file_id", "error_file_id", "metadata", "completion_window"];

/// Which of the two files that a batch makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Made {
    /// Answers.
    Output,
    /// What is wrong with the lines that have none.
    Errors,
}

impl Made {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Output => "file-output-",
            Self::Errors => "file-errors-",
        }
    }

    /// The id of the file that the batch `id` makes.
    fn id(self, batch: &str) -> String {
        format!("{}{batch}", self.prefix())
    }

    /// The batch whose file `id` is.
    pub(in crate::api) fn of(id: &str) -> Option<(Self, &str)> {
        [Self::Output, Self::Errors].into_iter().find_map(|made| Some((made, id.strip_prefix(made.prefix())?)))
    }
}

/// The upstream's object as OpenAI has it. `job` is what the gateway knows: until it has the results, the batch is not completed for
/// its caller.
pub(super) fn object(mut batch: Value, job: Option<&Job>) -> Value {
    let id = batch["id"].as_str().unwrap_or_default().to_owned();
    let Some(fields) = batch.as_object_mut() else { return batch };
    fields.entry("object").or_insert_with(|| json!("batch"));
    let status = status(fields.get("status").and_then(Value::as_str).unwrap_or_default(), job);
    fields.insert("status".to_owned(), json!(status));
    for name in TIMES.iter().chain(&OTHERS) {
        fields.entry(*name).or_insert(Value::Null);
    }
    for name in TIMES {
        let time = fields.get(name).map_or(Value::Null, whole);
        fields.insert(name.to_owned(), time);
    }
    counts(fields.entry("request_counts").or_insert_with(|| json!({})));
    let made = job.filter(|job| job.phase == Phase::Done);
    for (name, made_as, there) in [
        ("output_file_id", Made::Output, made.is_some_and(|job| !job.output.link.is_empty())),
        ("error_file_id", Made::Errors, made.is_some_and(|job| !job.errors.link.is_empty())),
    ] {
        let is_link = fields.get(name).and_then(Value::as_str).is_some_and(|id| id.contains("://"));
        if there {
            fields.insert(name.to_owned(), json!(made_as.id(&id)));
        } else if is_link && job.is_some() {
            fields.insert(name.to_owned(), Value::Null);
        }
    }
    batch
}

/// OpenAI has no word for a batch that waits its turn but `validating`.
fn status<'a>(upstream: &'a str, job: Option<&Job>) -> &'a str {
    match upstream {
        "in_queue" => "validating",
        "completed" if job.is_some_and(|job| !job.phase.is_over()) => "finalizing",
        other => other,
    }
}

/// Whole seconds, whatever they came as.
fn whole(time: &Value) -> Value {
    let seconds = time.as_u64().or_else(|| time.as_f64().map(|seconds| seconds.max(0.0) as u64));
    let seconds = seconds.or_else(|| time.as_str()?.parse().ok());
    seconds.filter(|seconds| *seconds > 0).map_or(Value::Null, Value::from)
}

fn counts(counts: &mut Value) {
    let count = |name: &str| counts[name].as_u64().unwrap_or(0);
    *counts = json!({"total": count("total"), "completed": count("completed"), "failed": count("failed")});
}

/// A page of batches: those for which `job` says that they are not the caller's are left out.
pub(super) fn list(mut answer: Value, mut job: impl FnMut(&str) -> Seen) -> Value {
    let Value::Array(batches) = answer["data"].take() else { return answer };
    let shown: Vec<Value> = batches
        .into_iter()
        .filter_map(|batch| match job(batch["id"].as_str().unwrap_or_default()) {
            Seen::Others => None,
            Seen::Own(job) => Some(object(batch, Some(&job))),
            Seen::Unknown => Some(object(batch, None)),
        })
        .collect();
    let id = |batch: Option<&Value>| batch.map_or(Value::Null, |batch| batch["id"].clone());
    answer["object"] = json!("list");
    answer["first_id"] = id(shown.first());
    // The next page begins behind what the upstream has shown, seen or not.
    if !answer["last_id"].is_string() {
        answer["last_id"] = id(shown.last());
    }
    answer["has_more"] = json!(answer["has_more"] == true);
    answer["data"] = Value::Array(shown);
    answer
}

/// Whose a batch is.
#[derive(Debug)]
pub(super) enum Seen {
    /// The caller's.
    Own(Box<Job>),
    /// Another key's.
    Others,
    /// Made without this gateway.
    Unknown,
}

/// A file that the batch of `job` has made.
pub(in crate::api) fn file(job: &Job, made: Made) -> Option<Bytes> {
    let (result, name) = match made {
        Made::Output => (&job.output, "output"),
        Made::Errors => (&job.errors, "errors"),
    };
    let is_there = job.phase == Phase::Done && !result.link.is_empty();
    let file = json!({
        "id": made.id(&job.id),
        "object": "file",
        "bytes": result.length,
        "created_at": job.finished_at,
        "filename": format!("{}_{name}.jsonl", job.id),
        "purpose": "batch_output",
        "status": "processed",
    });
    is_there.then(|| file.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{Kind, Yield};
    use crate::ledger::Who;

    fn job(phase: Phase) -> Job {
        let link = |name: &str| Yield { link: format!("https://x/{name}"), ..Yield::default() };
        Job {
            id: "b1".to_owned(),
            kind: Kind::Batch,
            upstream_id: "b1".to_owned(),
            who: Who { key: "ann".into(), team: "".into(), tags: "".into() },
            account: "main".into(),
            model: "".into(),
            created_at: 1,
            finished_at: Some(9),
            size: String::new(),
            phase,
            fault: String::new(),
            output: link("o"),
            errors: Yield::default(),
        }
    }

    #[test]
    fn statuses_and_files_wait_for_the_results() {
        let batch = |status: &str| json!({"id": "b1", "status": status, "created_at": 1.5, "completed_at": "", "output_file_id": "https://x/o", "request_counts": {"total": 2, "completed": 1}});
        let shown = |status, phase| object(batch(status), Some(&job(phase)));
        for (upstream, phase, status, output) in [
            ("in_queue", Phase::Queued, "validating", Value::Null),
            ("in_progress", Phase::Running, "in_progress", Value::Null),
            ("completed", Phase::Saving, "finalizing", Value::Null),
            ("completed", Phase::Done, "completed", json!("file-output-b1")),
            ("cancelled", Phase::Failed, "cancelled", Value::Null),
        ] {
            let shown = shown(upstream, phase);
            assert_eq!((&shown["status"], &shown["output_file_id"]), (&json!(status), &output), "{upstream}");
            assert_eq!((&shown["created_at"], &shown["completed_at"]), (&json!(1), &Value::Null));
            assert_eq!(shown["request_counts"], json!({"total": 2, "completed": 1, "failed": 0}));
        }
        assert_eq!(object(batch("completed"), None)["output_file_id"], "https://x/o", "nobody else has it");
        assert_eq!(Made::of("file-output-b1"), Some((Made::Output, "b1")));
        assert_eq!(Made::of("file-1"), None);
        assert!(file(&job(Phase::Done), Made::Output).is_some() && file(&job(Phase::Done), Made::Errors).is_none());
    }

    #[test]
    fn a_list_shows_nobody_elses() {
        let answer = json!({"object": "list", "data": [{"id": "b1"}, {"id": "b2"}, {"id": "b3"}], "last_id": "b3", "has_more": true});
        let shown = list(answer, |id| match id {
            "b1" => Seen::Own(Box::new(job(Phase::Queued))),
            "b2" => Seen::Unknown,
            _ => Seen::Others,
        });
        assert_eq!(shown["data"].as_array().unwrap().len(), 2);
        assert_eq!((&shown["last_id"], &shown["has_more"]), (&json!("b3"), &json!(true)));
    }
}
