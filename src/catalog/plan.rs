//! What may be called for a name, in order, and by which right. Pure values; who makes them: [`policy`](super::policy).

use std::sync::Arc;

use super::ResolvedModel;
use super::model::{Kind, Model};
use crate::ledger::price::Price;

/// By which right a model is called. Everything but `Free` costs money, or is not known to cost none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// It is known to cost nothing.
    Free,
    /// The caller asked for it, by its id or by an alias that stands for it.
    Name,
    /// A policy or the operator's list puts it in the place of what was asked for.
    Policy,
    /// The free one cannot go on: permission to spill, and money left in the budget for it.
    Spill,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Free, Self::Name, Self::Policy, Self::Spill];

    /// The word for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Name => "name",
            Self::Policy => "policy",
            Self::Spill => "spill",
        }
    }
}

/// When a candidate comes into question, after those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// When they would have to wait.
    Wait,
    /// When they failed.
    Failure,
    /// Both.
    Either,
}

/// How far a model's thinking can be switched, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Switch {
    /// It takes the fields, or nobody knows.
    #[default]
    Takes,
    /// It always thinks; only for how long can be said.
    Always,
    /// It does not think, or refuses to be asked.
    Without,
}

impl Switch {
    /// Of a word of the data file.
    pub fn of(word: Option<&str>) -> Self {
        match word {
            Some("none" | "rejects enable_thinking") => Self::Without,
            Some("always") => Self::Always,
            _ => Self::Takes,
        }
    }
}

/// What is known of a candidate, copied from its one look-up; nothing of a model that the catalogue does not have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// What it is for.
    pub kind: Option<Kind>,
    /// What it costs.
    pub price: Option<Arc<Price>>,
    /// Most tokens of an answer.
    pub most_output: Option<u64>,
    /// Whether its thinking can be switched.
    pub thinking: Switch,
}

impl Facts {
    /// Of a model of the catalogue, if it is there.
    pub fn of(model: Option<&Model>) -> Self {
        let Some(model) = model else { return Self::default() };
        Self {
            kind: Some(model.kind),
            price: model.price.clone(),
            most_output: model.max_output.or(model.context),
            thinking: Switch::of(model.thinking.as_deref()),
        }
    }
}

/// One model that may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id, and whether that is another name than the caller wrote.
    pub model: ResolvedModel,
    /// Why it may be called.
    pub right: Right,
    /// When it is its turn; of the first this says nothing.
    pub after: After,
    /// What is known of it.
    pub facts: Facts,
}

impl Candidate {
    /// Whether it comes into question when those before it would have to wait.
    pub fn is_weighed(&self) -> bool {
        self.after != After::Failure
    }

    /// Whether it comes into question when those before it failed.
    pub fn is_fallback(&self) -> bool {
        self.after != After::Wait
    }
}

/// Everything that may be called for one name. Those to be weighed stand together at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is called if nothing speaks against it.
    pub first: Candidate,
    /// What may take its place; mostly nothing.
    pub rest: Vec<Candidate>,
}

impl Plan {
    /// All of them in order.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}
