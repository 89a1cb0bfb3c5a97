//! What the way back of an answer has to know of its request.

use std::sync::Arc;

use super::echo::Echo;
use super::shelf::{Kept, Shelf};
use super::tools::Tools;

/// All of it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) echo: Echo,
    pub(super) tools: Tools,
    /// Whether reasoning is given in a form that can come back.
    pub(super) is_reasoning_encoded: bool,
    /// The time, in unix seconds.
    pub(super) now: fn() -> u64,
    /// Where the response is kept, if it is, and what of it is known by now.
    pub(super) keeping: Option<(Arc<dyn Shelf>, Kept)>,
}

impl Plan {
    /// Keeps the response, if it shall be kept.
    pub(super) fn keep(&self, response: &str) {
        if let Some((shelf, kept)) = &self.keeping {
            shelf.keep(Kept { response: response.to_owned(), ..kept.clone() });
        }
    }
}
