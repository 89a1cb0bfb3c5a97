//! Step 5: what a request may cost, by what it says and by what was learned.

use std::time::Duration;

use super::exchange::Exchange;
use super::head::RequestHead;
use super::route::Route;
use crate::quota::ask::{Ask, Guess};
use crate::quota::estimate::{Expected, Features};
use crate::relay::estimated::Estimated;
use crate::wire::json::Object;

/// Tokens that an answer may have where the request does not say (siliconflow-api.md, section 17: the older cap for most
/// models; what the upstream assumes today is not documented).
const USUAL_OUTPUT: u64 = 4096;

/// What is known of a request's size before it is called.
#[derive(Debug)]
pub(super) struct Size {
    pub(super) ask: Ask,
    /// What the answer will teach; `None` where there is nothing to learn.
    pub(super) estimated: Option<Box<Estimated>>,
}

/// What the request of `head` may need of `model`, once it is called; `None` for one that nothing limits.
pub(super) fn size(exchange: &Exchange, model: &str, head: &RequestHead<'_>) -> Option<Size> {
    let is_limited = exchange.is_limited() || exchange.is_budgeted(exchange.right);
    if model.is_empty() || !is_limited { None } else { Some(of(exchange, model, head)) }
}

/// The same, whether anything limits it or not.
pub(super) fn of(exchange: &Exchange, model: &str, head: &RequestHead<'_>) -> Size {
    let route = exchange.target.route;
    let ask = Ask { images: images(route, head), ..Ask::default() };
    let mut features = Features::default();
    if count(route, head, &mut features).is_none() {
        return Size { ask, estimated: None };
    }
    let estimator = &exchange.snapshot.quota.estimator;
    let (asked, is_thinking) = (most_output(head), thinking(head));
    let answers = route.answers_tokens();
    let expected = estimator.expect(model, &exchange.tenant.name, &features, asked, is_thinking);
    let Expected { prompt, is_lesson, .. } = expected;
    let (output, duration, max_output) = match answers {
        true => (expected.output, expected.duration, asked.unwrap_or(USUAL_OUTPUT)),
        false => (Guess::default(), Duration::ZERO, 0),
    };
    let content = features.counts().iter().sum();
    let ask = Ask { prompt, output, max_output, duration, content, ..ask };
    let (estimator, features) = (estimator.clone(), is_lesson.then(|| Box::new(features)));
    let estimated = Estimated { estimator, features, asked, is_thinking, answers, prompt, output, next: 0 };
    Size { ask, estimated: Some(Box::new(estimated)) }
}

/// Tokens of the prompt alone, as it stands (0 where nothing can be counted).
pub(super) fn prompt(exchange: &Exchange, route: Route, model: &str, head: &RequestHead<'_>) -> u64 {
    let mut features = Features::default();
    let counted = count(route, head, &mut features);
    counted.map_or(0, |()| exchange.snapshot.quota.estimator.prompt(model, &features).mean.round() as u64)
}

/// What the prompt is made of, added to `features`; `None` where it cannot be told.
fn count(route: Route, head: &RequestHead<'_>, features: &mut Features) -> Option<()> {
    let value = |key: &str| head.object.get(key).map(|member| member.value);
    match route {
        Route::Chat => features.add_chat(value("messages")?, value("tools")),
        Route::Messages => {
            features.add_chat(value("messages")?, value("tools"));
            value("system").into_iter().for_each(|system| features.add_input(system));
        }
        Route::Completions => features.add_input(value("prompt")?),
        Route::Embeddings => features.add_input(value("input")?),
        Route::Rerank => {
            features.add_input(value("query")?);
            features.add_input(value("documents")?);
        }
        _ => return None,
    }
    Some(())
}

fn number(head: &RequestHead<'_>, key: &str) -> Option<u64> {
    head.object.get(key)?.value.parse().ok()
}

/// Most tokens of the answer, as the request says.
pub(super) fn most_output(head: &RequestHead<'_>) -> Option<u64> {
    number(head, "max_tokens").or_else(|| number(head, "max_completion_tokens"))
}

/// Pictures that it will make.
fn images(route: Route, head: &RequestHead<'_>) -> u64 {
    match route {
        Route::Images => number(head, "batch_size").or_else(|| number(head, "n")).unwrap_or(1).max(1),
        _ => 0,
    }
}

/// Whether the model was told to think; `None` where nothing was said.
fn thinking(head: &RequestHead<'_>) -> Option<bool> {
    if let Some(switch) = head.object.get("enable_thinking") {
        return switch.value.parse().ok();
    }
    let kind = Object::parse(head.object.get("thinking")?.value).ok()?;
    kind.string("type").map(|kind| kind == "enabled")
}
