//! Answers that a test has written down: a list of turns, of which each request gets the first that fits and is left. What no
//! turn fits is answered as ever. It must not know how an answer is sent.

mod turn;
mod when;

use crate::mock::fault::Fault;
use serde::Serialize;
use serde_json::Value;
pub use turn::{ScriptedCall, Turn};
pub use when::When;

/// Whether a request to this path can be answered by a turn.
pub(in crate::mock) fn is_for(path: &str) -> bool {
    matches!(path, "/v1/chat/completions" | "/v1/completions" | "/v1/messages")
}

/// What became of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ScriptUse {
    /// How many turns it has.
    pub turns: usize,
    /// How many answers are left in it, each turn as often as it may be played.
    pub left: u64,
    /// The turns played, by number from 0, in the order of the requests; the last 1,000.
    pub played: Vec<usize>,
}

/// Plays remembered (ours).
const PLAYS_KEPT: usize = 1_000;

/// The script in force and what is left of it.
#[derive(Debug, Default)]
pub(in crate::mock) struct Script {
    turns: Vec<Turn>,
    left: Vec<u64>,
    played: Vec<usize>,
}

/// A turn that a request was given. It can be given back when the request was refused before it was answered.
#[derive(Debug)]
pub(in crate::mock) struct Played {
    number: usize,
    pub(in crate::mock) turn: Turn,
}

impl Played {
    /// The fault that the turn asks for.
    pub(in crate::mock) fn fault(&self) -> Option<Fault> {
        // The turn was checked when the script was set.
        self.turn.fault.as_deref().and_then(|written| Fault::parse(written).ok())
    }
}

impl Script {
    /// A script from its first turn.
    pub(in crate::mock) fn new(turns: Vec<Turn>) -> Result<Self, String> {
        for (number, turn) in turns.iter().enumerate() {
            turn.check().map_err(|fault| format!("turn {number}: {fault}"))?;
        }
        let left = turns.iter().map(|turn| turn.times).collect();
        Ok(Self { turns, left, played: Vec::new() })
    }

    /// The first turn that is left and fits the request.
    pub(in crate::mock) fn take(&mut self, request: &Value) -> Option<Played> {
        let fits = |(turn, left): (&Turn, &u64)| *left > 0 && turn.when.fits(request);
        let number = self.turns.iter().zip(&self.left).position(fits)?;
        let turn = self.turns.get(number)?.clone();
        if let Some(left) = self.left.get_mut(number) {
            *left -= 1;
        }
        if self.played.len() == PLAYS_KEPT {
            self.played.remove(0);
        }
        self.played.push(number);
        Some(Played { number, turn })
    }

    /// Takes back what a refused request was given, so that its next try gets it.
    pub(in crate::mock) fn give_back(&mut self, played: &Played) {
        if let Some(left) = self.left.get_mut(played.number) {
            *left += 1;
        }
        if let Some(place) = self.played.iter().rposition(|number| *number == played.number) {
            self.played.remove(place);
        }
    }

    pub(in crate::mock) fn report(&self) -> ScriptUse {
        ScriptUse { turns: self.turns.len(), left: self.left.iter().sum(), played: self.played.clone() }
    }
}
