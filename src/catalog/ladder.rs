//! Aliases that stand for more than one model, or have a policy of their own. Which single model an alias stands for is
//! in [`alias`](super::alias); here is only what goes beyond that.

use std::collections::BTreeSet;

use super::alias::Aliases;
use super::names::Names;
use super::policy::Policy;

/// One alias as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name, or the beginning of names with a `*`.
    pub alias: String,
    /// What it stands for, in order; the first one is what [`Aliases`] knows.
    pub models: Vec<String>,
    /// Its own policy.
    pub policy: Option<Policy>,
}

/// A chain of aliases longer than this is followed no further (ours).
const MOST_STEPS: usize = 100;

/// Why a list was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LadderError {
    /// The same model twice, perhaps by another name, or the list leads back to itself.
    #[error("`{0}`: {1} stands there twice, or leads back there; name each model once")]
    Twice(String, String),
    /// An alias with a list of its own.
    #[error("`{0}`: {1} has a list of its own; name models, or aliases that stand for one")]
    Nested(String, String),
}

/// What an alias says besides its model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ladder {
    /// All models that it stands for, in order; empty when there is only the one.
    pub models: Vec<String>,
    /// Its own policy.
    pub policy: Option<Policy>,
}

/// Ready for look-up. Empty, and then free, unless an alias says more than its model.
#[derive(Debug, Clone, Default)]
pub struct Ladders(Names<Ladder>);

impl Ladders {
    /// Checks what is written, and resolves it by `aliases`. What cannot be used is told, with the alias it is about.
    pub fn new(written: &[Written], aliases: &Aliases) -> (Self, Vec<(String, LadderError)>) {
        if written.iter().all(|alias| alias.models.len() < 2 && alias.policy.is_none()) {
            return (Self::default(), Vec::new());
        }
        let known = Names::new(written.iter().map(|alias| (alias.alias.as_str(), alias)));
        let (mut ladders, mut errors) = (Vec::new(), Vec::new());
        for alias in written {
            match ladder(alias, &known, aliases) {
                Ok(ladder) => ladders.push((alias.alias.as_str(), ladder)),
                Err(error) => errors.push((alias.alias.clone(), error)),
            }
        }
        (Self(Names::new(ladders)), errors)
    }

    /// What the alias that `name` means says besides its model: the exact one, else the longest beginning.
    pub fn get(&self, name: &str) -> Option<&Ladder> {
        self.0.get(name)
    }
}

/// An alias of an alias has what that one has, unless it says otherwise.
fn ladder(own: &Written, known: &Names<&Written>, aliases: &Aliases) -> Result<Ladder, LadderError> {
    let (mut policy, mut at, mut steps) = (own.policy, own, 0);
    while let [only] = &at.models[..]
        && let Some(next) = known.get(only).filter(|next| !std::ptr::eq(**next, at))
        // Circles are told by `Aliases`.
        && steps < MOST_STEPS
    {
        (policy, at, steps) = (policy.or(next.policy), next, steps + 1);
    }
    if at.models.len() < 2 {
        return Ok(Ladder { models: Vec::new(), policy });
    }
    let ids: Vec<String> = at.models.iter().map(|name| id(own, at, name, known, aliases)).collect::<Result<_, _>>()?;
    let mut seen = BTreeSet::new();
    match ids.iter().zip(&at.models).find(|(id, _)| !seen.insert(*id)) {
        Some((_, name)) => Err(LadderError::Twice(own.alias.clone(), name.clone())),
        None => Ok(Ladder { models: ids, policy }),
    }
}

/// The id of the model `name` in the list that `owner` has, as seen from the alias `own`.
fn id(
    own: &Written,
    owner: &Written,
    name: &str,
    known: &Names<&Written>,
    aliases: &Aliases,
) -> Result<String, LadderError> {
    match known.get(name) {
        // `Qwen/*` may stand for models that it matches itself.
        Some(other) if std::ptr::eq(*other, owner) && other.alias != name => Ok(name.to_owned()),
        Some(other) if other.models.len() > 1 => Err(LadderError::Nested(own.alias.clone(), name.to_owned())),
        _ => Ok(aliases.resolve(name).id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(alias: &str, models: &[&str], policy: Option<Policy>) -> Written {
        let models = models.iter().map(|model| (*model).to_owned()).collect();
        Written { alias: alias.to_owned(), models, policy }
    }

    fn made(all: &[Written]) -> (Ladders, Vec<(String, LadderError)>) {
        let aliases = Aliases::new(all.iter().map(|alias| (alias.alias.as_str(), alias.models[0].as_str()))).0;
        Ladders::new(all, &aliases)
    }

    #[test]
    fn an_alias_of_an_alias_has_its_list() {
        let free = Some(Policy::FreeOnly);
        let all = [
            written("fast", &["A", "small"], None),
            written("small", &["B"], None),
            written("gpt*", &["fast"], None),
            written("gpt-4o*", &["C"], free),
            written("guarded", &["fast"], free),
        ];
        let (ladders, errors) = made(&all);
        assert_eq!(errors, []);
        let get = |name: &str| ladders.get(name).cloned().unwrap();
        assert_eq!(get("gpt-5"), Ladder { models: vec!["A".into(), "B".into()], policy: None });
        assert_eq!(get("gpt-4o-mini"), Ladder { models: vec![], policy: free });
        assert_eq!(get("guarded"), Ladder { models: vec!["A".into(), "B".into()], policy: free });
        assert_eq!(get("small"), Ladder::default());
        assert_eq!(ladders.get("é"), None);
    }

    #[test]
    fn plain_aliases_cost_nothing() {
        let (ladders, _) = made(&[written("a", &["A"], None), written("b*", &["B"], None)]);
        assert_eq!((ladders.get("a"), ladders.get("bb")), (None, None));
    }

    #[test]
    fn lists_that_lead_back_are_refused() {
        let errors = |all: &[Written]| made(all).1.into_iter().map(|(alias, _)| alias).collect::<Vec<_>>();
        assert_eq!(errors(&[written("x", &["A", "B", "A"], None)]), ["x"]);
        assert_eq!(errors(&[written("x", &["A", "x"], None)]), ["x"]);
        assert_eq!(errors(&[written("x", &["A", "y"], None), written("y", &["x"], None)]), ["x", "y"]);
        assert_eq!(errors(&[written("x", &["A", "y"], None), written("y", &["B", "C"], None)]), ["x"]);
    }

    #[test]
    fn a_pattern_may_stand_for_models_that_it_matches() {
        let all = [written("Qwen/*", &["Qwen/A", "Qwen/B"], None), written("fast", &["Qwen/zzz"], None)];
        let (ladders, errors) = made(&all);
        assert_eq!(errors, []);
        for name in ["Qwen/x", "fast"] {
            assert_eq!(ladders.get(name).unwrap().models, ["Qwen/A", "Qwen/B"], "{name}");
        }
    }
}
