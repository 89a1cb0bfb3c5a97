//! From a wish to a plan.

use super::{Denied, Policy, Rules, Wish, suffix};
use crate::catalog::ResolvedModel;
use crate::catalog::alias::Aliases;
use crate::catalog::catalogue::Catalogue;
use crate::catalog::plan::{After, Candidate, Facts, Plan, Right};

pub(super) fn plan(rules: &Rules, wish: &Wish<'_>, aliases: &Aliases, catalogue: &Catalogue) -> Result<Plan, Denied> {
    let (name, suffix) = suffix::split(wish.name, aliases, catalogue);
    let model = aliases.resolve(name);
    let ladder = if model.is_renamed { rules.ladders.get(name) } else { None };
    let operators = wish.key.policy.or(ladder.and_then(|ladder| ladder.policy)).unwrap_or(rules.policy);
    let policy = agreed(operators, wish.policy, suffix);
    let list = ladder.map(|ladder| ladder.models.as_slice()).filter(|models| !models.is_empty());
    let is_alias_allowed = (wish.may_use)(name) || (wish.may_use)(wish.name);
    if policy == Policy::Exact && list.is_none() && rules.fallback.is_empty() {
        return single(wish, model, is_alias_allowed, catalogue);
    }
    let mut maker = Maker {
        wish,
        catalogue,
        is_alias_allowed: is_alias_allowed && model.is_renamed,
        may_spill: wish.key.spill.unwrap_or(rules.spill.is_allowed),
        candidates: Vec::new(),
    };
    maker.rungs(policy, list.unwrap_or(std::slice::from_ref(&model.id)));
    maker.fallback(policy, rules, &model.id);
    maker.plan(policy, &model.id, operators == Policy::FreeOnly)
}

/// The policy of a request to which the operator says `operators`, its header `header` and its model's name `suffix`.
/// Whoever says `free-only` has the last word.
fn agreed(operators: Policy, header: Option<Policy>, suffix: Option<Policy>) -> Policy {
    let said = [Some(operators), header, suffix];
    if said.contains(&Some(Policy::FreeOnly)) { Policy::FreeOnly } else { suffix.or(header).unwrap_or(operators) }
}

/// The usual case, for which nothing is allocated: what was named, and nothing else.
fn single(
    wish: &Wish<'_>,
    model: ResolvedModel,
    is_alias_allowed: bool,
    catalogue: &Catalogue,
) -> Result<Plan, Denied> {
    if !is_alias_allowed && !(wish.may_use)(&model.id) {
        return Err(Denied::Key);
    }
    let known = catalogue.get(&model.id);
    let right = if known.is_some_and(|known| known.is_free) { Right::Free } else { Right::Name };
    let model = ResolvedModel { is_renamed: model.id != wish.name, ..model };
    let first = Candidate { model, right, after: After::Either, facts: Facts::of(known) };
    Ok(Plan { first, rest: Vec::new() })
}

struct Maker<'a> {
    wish: &'a Wish<'a>,
    catalogue: &'a Catalogue,
    /// The key may use the alias, and so all that it stands for.
    is_alias_allowed: bool,
    may_spill: bool,
    candidates: Vec<Candidate>,
}

impl Maker<'_> {
    /// The models that the name stands for, each by `policy`.
    fn rungs(&mut self, policy: Policy, models: &[String]) {
        let places = models.iter().enumerate();
        let places = places.map(|(index, id)| (id, if index == 0 { After::Wait } else { After::Either }));
        for (id, after) in places.clone() {
            let by_name = if after == After::Wait { Right::Name } else { Right::Policy };
            match policy {
                Policy::Exact => self.add(id, by_name, after),
                Policy::FreeOnly | Policy::PreferFree => self.add_free(id, after),
                Policy::PreferPro => self.add_pro_first(id, by_name, after),
            }
        }
        if policy == Policy::PreferFree {
            let is_all_paid = self.candidates.is_empty();
            for (id, after) in places {
                match is_all_paid {
                    true => self.add(id, if after == After::Wait { Right::Name } else { Right::Policy }, after),
                    false => self.add_spill(id, after),
                }
            }
        }
    }

    fn add_free(&mut self, id: &str, after: After) {
        if let Some(free) = self.catalogue.free_of(id) {
            self.push(&free.id, Right::Free, after, (self.wish.may_use)(id));
        }
    }

    fn add_pro_first(&mut self, id: &str, by_name: Right, after: After) {
        let pro = self.catalogue.pro_of(id).map(|pro| pro.id.as_str());
        if let Some(pro) = pro {
            self.add(pro, if pro == id { by_name } else { Right::Policy }, after);
        }
        if pro != Some(id) {
            self.add(id, by_name, if pro.is_some() { After::Wait } else { after });
        }
        self.add_free(id, After::Wait);
    }

    /// The paid model of a rung of which there is a free one, if spilling is allowed.
    fn add_spill(&mut self, id: &str, after: After) {
        let (paid, after) = match self.catalogue.is_free(id) {
            true => (self.catalogue.pro_of(id).map(|pro| pro.id.as_str()), After::Wait),
            false => (Some(id), after),
        };
        if let Some(paid) = paid.filter(|_| self.may_spill) {
            self.add(paid, Right::Spill, after);
        }
    }

    /// What is declared for the case that the model fails. Only for that one: what stands in its list has no further
    /// list, so nothing leads back.
    fn fallback(&mut self, policy: Policy, rules: &Rules, named: &str) {
        let Some(first) = self.candidates.first() else { return };
        let is_paid = first.right != Right::Free;
        let declared = rules.fallback.get(&first.model.id).or_else(|| rules.fallback.get(named));
        for id in declared.into_iter().flatten() {
            match policy {
                Policy::FreeOnly => self.add_free(id, After::Failure),
                _ if self.catalogue.is_free(id) || is_paid => self.add(id, Right::Policy, After::Failure),
                // Nobody asked for a paid one.
                _ if self.may_spill => self.add(id, Right::Spill, After::Failure),
                _ => {}
            }
        }
    }

    fn add(&mut self, id: &str, if_paid: Right, after: After) {
        self.push(id, if_paid, after, false);
    }

    /// Adds the model `id`, if the key may use it; `is_same` says that the key may use the same model by its other name.
    fn push(&mut self, id: &str, if_paid: Right, after: After, is_same: bool) {
        if let Some(there) = self.candidates.iter_mut().find(|candidate| candidate.model.id == id) {
            if after != there.after {
                there.after = After::Either;
            }
            return;
        }
        if !self.is_alias_allowed && !is_same && !(self.wish.may_use)(id) {
            return;
        }
        let known = self.catalogue.get(id);
        let right = if known.is_some_and(|known| known.is_free) { Right::Free } else { if_paid };
        let model = ResolvedModel { id: id.to_owned(), is_renamed: id != self.wish.name };
        self.candidates.push(Candidate { model, right, after, facts: Facts::of(known) });
    }

    fn plan(self, policy: Policy, named: &str, is_operators: bool) -> Result<Plan, Denied> {
        let may_use = self.is_alias_allowed || (self.wish.may_use)(named);
        let mut candidates = self.candidates.into_iter();
        match candidates.next() {
            Some(first) => Ok(Plan { first, rest: candidates.collect() }),
            None if policy == Policy::FreeOnly && may_use => Err(Denied::Paid {
                model: named.to_owned(),
                nearest: self.catalogue.nearest_free(named).map(|free| free.id.clone()),
                is_operators,
            }),
            None => Err(Denied::Key),
        }
    }
}
