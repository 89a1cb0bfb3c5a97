//! Step 5: what a request may cost.

use std::time::Duration;

use super::exchange::Exchange;
use super::head::RequestHead;
use super::route::Route;
use crate::quota::ask::{Ask, Guess};

/// What the request of `head` may need; `None` for one that names no model and so has no limits.
pub(super) fn ask(exchange: &Exchange, head: &RequestHead<'_>) -> Option<Ask> {
    if exchange.settlement.model.is_empty() {
        return None;
    }
    let number = |key: &str| head.object.get(key)?.value.parse::<u64>().ok();
    let asked = number("max_tokens").or_else(|| number("max_completion_tokens"));
    let prompt = Guess { mean: head.text.len() as f64 / 4.0, deviation: head.text.len() as f64 / 12.0 };
    let expected = asked.unwrap_or(500).min(500) as f64;
    Some(Ask {
        images: if exchange.target.route == Route::Images {
            number("batch_size").or_else(|| number("n")).unwrap_or(1)
        } else {
            0
        },
        prompt,
        output: Guess { mean: expected / 2.0, deviation: expected / 4.0 },
        max_output: asked.unwrap_or(4096),
        duration: Duration::from_secs(2),
    })
}
