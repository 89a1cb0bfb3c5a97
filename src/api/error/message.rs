//! What a refusal of the upstream says to the caller: the cause and the remedy in a sentence, then
//! the upstream's own words.

use crate::quota::budget::{Exceeded, Scope};
use crate::quota::metric::{Metric, Span, Unit};
use crate::quota::{AdmitError, Refused};
use crate::upstream::refusal::{Cause, Refusal};

/// Cause and remedy in a sentence, then the upstream's own words.
pub(super) fn refusal_message(refusal: &Refusal, model: &str) -> String {
    let model = if model.is_empty() { "this model".to_owned() } else { format!("the model `{model}`") };
    let sentence = match refusal.cause {
        Cause::ModelUnknown => format!("{} does not exist on SiliconFlow or was withdrawn; `GET /v1/models` lists what there is.", capital(&model)),
        Cause::ModelDisabled => format!("SiliconFlow has switched {model} off; use another one."),
        Cause::ContextTooLong => context_sentence(&refusal.text),
        Cause::ThinkingUnsupported => format!("{} has no thinking switch: leave `enable_thinking` out.", capital(&model)),
        Cause::JsonUnsupported => format!("{} has no JSON mode: leave `response_format` out or use another model.", capital(&model)),
        Cause::Parameter | Cause::Caller => "SiliconFlow refused a parameter of this request.".to_owned(),
        Cause::KeyInvalid => "SiliconFlow refused the gateway's own API key. The operator has to check the key of the account (`flowgate doctor`).".to_owned(),
        Cause::Balance => "The SiliconFlow account behind this gateway has no balance left, which blocks free models as well. The operator has to recharge it.".to_owned(),
        Cause::Identity => "The SiliconFlow account behind this gateway has not passed identity verification. The operator has to complete it in the console; waiting does not help.".to_owned(),
        Cause::Forbidden => "SiliconFlow forbids this request for the account behind this gateway.".to_owned(),
        Cause::NotFound => "SiliconFlow has no such endpoint.".to_owned(),
        Cause::Gone => "SiliconFlow has withdrawn this endpoint.".to_owned(),
        Cause::TooLarge => "The request is larger than SiliconFlow accepts.".to_owned(),
        Cause::RateLimit(metric) => rate_sentence(metric, &model),
        Cause::Busy => format!("SiliconFlow is overloaded for {model}; try again in a moment or use another one."),
        Cause::Timeout => "SiliconFlow gave up waiting for the answer. Long answers need `\"stream\": true`.".to_owned(),
        Cause::Server => "SiliconFlow failed to answer this request; try again.".to_owned(),
    };
    format!("{sentence} {}", refusal.quote())
}

/// A model that nobody knows, and the names that are near.
pub(super) fn unknown_message(model: &str, near: &[String]) -> String {
    let quoted: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    let hint = if quoted.is_empty() { String::new() } else { format!(" Did you mean {}?", quoted.join(" or ")) };
    format!(
        "The model `{model}` does not exist: neither the catalogue nor SiliconFlow's list has it.{hint} `GET /v1/models` lists what there is."
    )
}

/// `text` as the beginning of a sentence.
fn capital(text: &str) -> String {
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

fn rate_sentence(metric: Option<Metric>, model: &str) -> String {
    let Some(metric) = metric else { return format!("A rate limit of the account for {model} is used up.") };
    format!("The account's {} limit for {model} is used up for {}.", metric.name(), this_span(metric))
}

fn this_span(metric: Metric) -> &'static str {
    match metric.span() {
        Span::Minute => "this minute",
        Span::Hour => "this hour",
        Span::Day => "today (days turn at midnight in China)",
    }
}

/// What a limit that the gateway itself keeps says to the caller.
pub(super) fn quota_message(error: &AdmitError, model: &str) -> String {
    let whose = if error.is_own { "of your key".to_owned() } else { format!("of the account for the model `{model}`") };
    match error.refused {
        Refused::Never { metric, limit, needs } => format!(
            "This request needs at least {needs} {}, but the {} limit {whose} is {} ({}). It would never fit: {}.",
            unit(metric),
            metric.name(),
            limit.value,
            limit.source,
            remedy(metric, limit.value),
        ),
        Refused::Later { metric: None, .. } if error.is_own => {
            "Rate limit reached: your key has as many requests under way at the same time as it may have. Try again when one of them is over. A longer `queue.max_wait` or `x-flowgate-max-wait` would let it wait here.".to_owned()
        }
        Refused::Later { metric, wait } => {
            let limit = metric.map_or("a limit".to_owned(), |metric| format!("the {} limit", metric.name()));
            let seconds = wait.as_millis().div_ceil(1000);
            format!(
                "Rate limit reached: {limit} {whose} is used up. Please try again in {seconds} s; this request can start then. A longer `queue.max_wait` or `x-flowgate-max-wait` would let it wait here."
            )
        }
        Refused::Full { .. } => {
            format!(
                "Too many requests are waiting for the model `{model}` already (queue.max_waiting). Try again in a moment."
            )
        }
    }
}

/// Which budget it is, how much of it is left, when it turns, and whom to ask.
pub(super) fn budget_message(exceeded: &Exceeded) -> String {
    let Exceeded { scope, period, unit, limit, spent, held, needs, ends } = exceeded;
    let whose = match scope {
        Scope::Key(_) => "of your key".to_owned(),
        Scope::Team(name) => format!("of your team `{name}`"),
        Scope::Account(name) => format!("of the account `{name}`"),
        Scope::Spill(name) => format!("for spilling of the account `{name}`"),
    };
    let (limit, spent, held, needs) = (unit.shown(*limit), unit.shown(*spent), unit.shown(*held), unit.shown(*needs));
    let (period, ends) = (period.label(), humantime::format_rfc3339_seconds(*ends));
    format!(
        "The budget {whose} is used up: of {limit} a {period}, {spent} are spent and requests under way hold {held}; this one may need {needs}. The next {period} begins at {ends} (midnight in China). Until then free models may do, or ask the operator of this gateway for more."
    )
}

fn unit(metric: Metric) -> &'static str {
    match metric.unit() {
        Unit::Requests => "requests",
        Unit::Tokens => "tokens",
        Unit::Images => "pictures",
    }
}

fn remedy(metric: Metric, limit: u64) -> String {
    match metric.unit() {
        Unit::Requests => "use another model".to_owned(),
        Unit::Tokens => {
            format!("shorten the prompt or lower `max_tokens` to stay below {limit} tokens, or use another model")
        }
        Unit::Images => format!("ask for at most {limit} pictures at a time"),
    }
}

/// The wording by which agents recognise that they have to shorten their prompt.
fn context_sentence(text: &str) -> String {
    let numbers: Vec<u64> =
        text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
    match numbers[..] {
        [used, limit, ..] => format!(
            "This model's maximum context length is {limit} tokens. However, your messages resulted in {used} tokens. Please reduce the length of the messages."
        ),
        _ => "This model's maximum context length is exceeded. Please reduce the length of the messages.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_recognise_an_overflow() {
        let sentence = context_sentence("number of input tokens (99000) has exceeded max_prompt_tokens (98304) limit.");
        assert!(sentence.contains("maximum context length is 98304 tokens") && sentence.contains("99000"));
    }
}
