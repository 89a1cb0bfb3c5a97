//! Where a conversation was served last, so that the next of its requests finds its prompt cache warm.
//!
//! A conversation is known by a hash with a secret of this process: what was said is not kept. Must not know models: a
//! place is a number in somebody else's list.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::Duration;

use super::hub::lock;
use super::moment::{Clock, Moment};

/// Conversations remembered at once (ours): half a megabyte. Beyond that, new ones are served wherever there is room.
const MOST: usize = 20_000;

/// A conversation, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conversation(u64);

/// See the module.
pub struct Sticky {
    clock: Clock,
    secret: RandomState,
    places: Mutex<HashMap<Conversation, (Moment, usize)>>,
}

impl fmt::Debug for Sticky {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sticky").finish_non_exhaustive()
    }
}

impl Sticky {
    /// Nobody is remembered.
    pub fn new(clock: Clock) -> Self {
        Self { clock, secret: RandomState::new(), places: Mutex::default() }
    }

    /// The conversation that has all of `parts` in common.
    pub fn conversation<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Conversation {
        let mut hasher = self.secret.build_hasher();
        // A `str` is hashed with its end, so that parts do not run into each other.
        parts.into_iter().for_each(|part| part.hash(&mut hasher));
        Conversation(hasher.finish())
    }

    /// Where it was served last, if it stays there.
    pub fn place(&self, conversation: Conversation) -> Option<usize> {
        let now = self.clock.now().at;
        let places = lock(&self.places);
        places.get(&conversation).filter(|(until, _)| now < *until).map(|(_, place)| *place)
    }

    /// It is served at `place` now, and stays there for `span`. The first place is where everybody goes: nothing is
    /// remembered of it.
    pub fn stay(&self, conversation: Conversation, place: usize, span: Duration) {
        let now = self.clock.now().at;
        let mut places = lock(&self.places);
        if place == 0 || span.is_zero() {
            places.remove(&conversation);
            return;
        }
        if places.len() >= MOST && !places.contains_key(&conversation) {
            places.retain(|_, (until, _)| now < *until);
        }
        if places.len() < MOST || places.contains_key(&conversation) {
            places.insert(conversation, (now.plus(span), place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(300);

    fn sticky() -> Sticky {
        Sticky::new(Clock::simulated(Moment::of_seconds(20_778 * 86_400)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_conversation_stays_until_it_falls_silent() {
        let sticky = sticky();
        let talk = sticky.conversation(["ann", "model", "hello"]);
        assert_ne!(talk, sticky.conversation(["ann", "modelh", "ello"]));
        sticky.stay(talk, 1, SPAN);
        for _ in 0..3 {
            tokio::time::advance(SPAN - Duration::from_millis(1)).await;
            assert_eq!(sticky.place(talk), Some(1));
            sticky.stay(talk, 1, SPAN);
        }
        tokio::time::advance(SPAN).await;
        assert_eq!(sticky.place(talk), None);
        sticky.stay(talk, 1, SPAN);
        sticky.stay(talk, 0, SPAN);
        assert_eq!(sticky.place(talk), None);
    }

    #[tokio::test(start_paused = true)]
    async fn hostile_callers_do_not_pile_up() {
        let sticky = sticky();
        let talk = |number: usize| sticky.conversation([number.to_string().as_str()]);
        (0..MOST + 100).for_each(|number| sticky.stay(talk(number), 1, SPAN));
        let count = || lock(&sticky.places).len();
        assert_eq!((count(), sticky.place(talk(MOST))), (MOST, None));
        tokio::time::advance(SPAN).await;
        sticky.stay(talk(MOST), 1, SPAN);
        assert_eq!((count(), sticky.place(talk(MOST))), (1, Some(1)));
    }
}
