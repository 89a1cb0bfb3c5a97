//! A hundred thousand random configurations, keys and requests, each held against a plain reading of the rules that
//! shares no code with the engine.

use std::collections::BTreeMap;

use flowgate::catalog::Catalogue;
use flowgate::catalog::alias::Aliases;
use flowgate::catalog::ladder::{Ladders, Written};
use flowgate::catalog::plan::{Candidate, Plan, Right};
use flowgate::catalog::policy::{Denied, KeyPolicy, Policy, Rules, SpillRules, Wish};

/// Random numbers that are the same each time: xorshift64*, by Vigna.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 1) % end
    }
}

const CASES: u64 = 100_000;
const MODELS: [&str; 12] = [
    "BAAI/bge-m3",
    "Pro/BAAI/bge-m3",
    "Qwen/Qwen2.5-7B-Instruct",
    "Pro/Qwen/Qwen2.5-7B-Instruct",
    "deepseek-ai/DeepSeek-V3",
    "Pro/deepseek-ai/DeepSeek-V3",
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
    "Pro/deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
    "Qwen/Qwen3-8B",
    "deepseek-ai/DeepSeek-V3.2",
    "nobody/knows",
    "Pro/nobody/knows",
];
const ALIASES: [&str; 4] = ["gpt-4o", "fast", "gpt*", "small:free"];
const SUFFIXES: [(&str, Option<Policy>); 6] = [
    ("", None),
    ("", None),
    ("", None),
    (":free", Some(Policy::FreeOnly)),
    (":pro", Some(Policy::PreferPro)),
    (":auto", Some(Policy::PreferFree)),
];
const POLICIES: [Policy; 4] = [Policy::Exact, Policy::FreeOnly, Policy::PreferFree, Policy::PreferPro];

struct Case {
    rules: Rules,
    aliases: Aliases,
    written: Vec<Written>,
    key: KeyPolicy,
    /// What the key may use; `None` is everything.
    list: Option<Vec<String>>,
    header: Option<Policy>,
    suffix: Option<Policy>,
    /// Without its suffix.
    base: String,
    name: String,
}

fn one<T: Copy>(chance: &mut Chance, all: &[T]) -> T {
    all[chance.below(all.len() as u64) as usize]
}

fn maybe<T: Copy>(chance: &mut Chance, all: &[T]) -> Option<T> {
    if chance.below(2) == 0 { None } else { Some(one(chance, all)) }
}

fn some_models(chance: &mut Chance, most: u64) -> Vec<String> {
    let mut models: Vec<String> = Vec::new();
    for _ in 0..=chance.below(most) {
        let model = one(chance, &MODELS).to_owned();
        if !models.contains(&model) {
            models.push(model);
        }
    }
    models
}

fn case(chance: &mut Chance) -> Case {
    let count = chance.below(ALIASES.len() as u64 + 1) as usize;
    let written: Vec<Written> = ALIASES[..count]
        .iter()
        .map(|alias| Written {
            alias: (*alias).to_owned(),
            models: some_models(chance, 3),
            policy: maybe(chance, &POLICIES),
        })
        .collect();
    let aliases = Aliases::new(written.iter().map(|alias| (alias.alias.as_str(), alias.models[0].as_str()))).0;
    let mut fallback = BTreeMap::new();
    for _ in 0..chance.below(3) {
        let id = one(chance, &MODELS).to_owned();
        let list = some_models(chance, 3).into_iter().filter(|model| *model != id).collect();
        fallback.insert(id, list);
    }
    let rules = Rules {
        policy: one(chance, &POLICIES),
        spill: SpillRules { is_allowed: chance.below(2) == 0, ..SpillRules::default() },
        ladders: Ladders::new(&written, &aliases).0,
        fallback,
        ..Rules::default()
    };
    let list = (chance.below(3) == 0).then(|| {
        let mut list = some_models(chance, 4);
        list.extend(maybe(chance, &ALIASES).map(str::to_owned));
        list
    });
    let base = if chance.below(3) == 0 { one(chance, &ALIASES).trim_end_matches('*') } else { one(chance, &MODELS) };
    let (text, suffix) = one(chance, &SUFFIXES);
    let key = KeyPolicy { policy: maybe(chance, &POLICIES), spill: maybe(chance, &[true, false]) };
    let (base, name) = (base.to_owned(), format!("{base}{text}"));
    Case { rules, aliases, written, key, list, header: maybe(chance, &POLICIES), suffix, base, name }
}

impl Case {
    fn may_use(&self, model: &str) -> bool {
        self.list.as_ref().is_none_or(|list| {
            list.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => model.starts_with(prefix),
                None => model == pattern,
            })
        })
    }

    fn plan(&self) -> Result<Plan, Denied> {
        let may_use = |model: &str| self.may_use(model);
        let wish = Wish { name: &self.name, policy: self.header, key: self.key, may_use: &may_use };
        self.rules.plan(&wish, &self.aliases, Catalogue::builtin())
    }

    /// The alias that is meant: written as it stands, else the pattern.
    fn alias(&self, name: &str) -> Option<&Written> {
        let pattern = |alias: &&Written| alias.alias == "gpt*" && name.starts_with("gpt");
        self.written.iter().find(|alias| alias.alias == name).or_else(|| self.written.iter().find(pattern))
    }

    /// The base and what its suffix says, unless the whole name is an alias.
    fn read(&self) -> (&str, Option<Policy>) {
        let is_alias = self.written.iter().any(|alias| alias.alias == self.name);
        if is_alias { (&self.name, None) } else { (&self.base, self.suffix) }
    }
}

fn is_free(id: &str) -> bool {
    Catalogue::builtin().models().iter().any(|model| model.id == id && model.is_free)
}

/// Whether some rule allows that the paid model of `candidate` is called.
fn is_allowed(case: &Case, candidate: &Candidate) -> Result<(), &'static str> {
    // "small:free" may be an alias, or "small" with a suffix.
    let (base, suffix) = match case.name.strip_suffix(":free").filter(|_| case.suffix.is_none()) {
        Some(base) if !case.written.iter().any(|alias| alias.alias == case.name) => (base, Some(Policy::FreeOnly)),
        _ => case.read(),
    };
    let alias = case.alias(base);
    let operators = case.key.policy.or(alias.and_then(|alias| alias.policy)).unwrap_or(case.rules.policy);
    if [Some(operators), case.header, suffix].contains(&Some(Policy::FreeOnly)) {
        return Err("somebody said free-only");
    }
    let id = candidate.model.id.as_str();
    let is_listed_alias = case.may_use(base) || case.may_use(&case.name);
    let is_listed = case.may_use(id) || alias.is_some_and(|_| is_listed_alias);
    if !is_listed {
        return Err("the key may not use it");
    }
    let policy = suffix.or(case.header).unwrap_or(operators);
    let named: Vec<&str> = alias.map_or(vec![base], |alias| alias.models.iter().map(String::as_str).collect());
    let has_free = |id: &str| is_free(id) || id.strip_prefix("Pro/").is_some_and(is_free);
    let is_twin = named.iter().any(|named| id.strip_prefix("Pro/") == Some(*named));
    let declared: Vec<&String> = case.rules.fallback.values().flatten().collect();
    let may_spill = case.key.spill.unwrap_or(case.rules.spill.is_allowed);
    match candidate.right {
        Right::Free => Err("it is not free"),
        Right::Spill if !may_spill => Err("nobody may spill"),
        Right::Spill if is_twin || named.contains(&id) || declared.iter().any(|other| *other == id) => Ok(()),
        Right::Spill => Err("it is nobody's twin, and in no list"),
        Right::Name | Right::Policy if policy == Policy::PreferFree && named.contains(&id) => {
            // Called as it was named: only where nothing of it is free.
            let served = |id: &str| Catalogue::builtin().models().iter().any(|m| m.id == id && m.status.is_served());
            let is_theirs = |id: &str| alias.is_some_and(|_| is_listed_alias) || case.may_use(id);
            let is_free = |id: &str| is_free(id) || (has_free(id) && served(id.strip_prefix("Pro/").unwrap_or(id)));
            let some_free = named.iter().any(|id| is_theirs(id) && is_free(id));
            if some_free { Err("there is a free one") } else { Ok(()) }
        }
        Right::Name | Right::Policy if named.contains(&id) => Ok(()),
        Right::Policy if policy == Policy::PreferPro && is_twin => Ok(()),
        // In place of a paid one that was asked for.
        Right::Policy if declared.iter().any(|other| *other == id) => Ok(()),
        Right::Name | Right::Policy => Err("nobody asked for it"),
    }
}

#[test]
fn nothing_paid_is_planned_unless_a_rule_allows_it() {
    let mut chance = Chance(5);
    let (mut paid, mut spilled, mut denied) = (0, 0, 0);
    for number in 0..CASES {
        let case = case(&mut chance);
        let plan = match case.plan() {
            Ok(plan) => plan,
            Err(_) => {
                denied += 1;
                continue;
            }
        };
        for candidate in plan.candidates() {
            assert_eq!(candidate.right == Right::Free, is_free(&candidate.model.id), "case {number}: {plan:?}");
            if candidate.right != Right::Free {
                let allowed = is_allowed(&case, candidate);
                assert!(
                    allowed.is_ok(),
                    "case {number}: {allowed:?} {candidate:?} for {} in {:?}",
                    case.name,
                    case.rules
                );
                paid += 1;
                spilled += u64::from(candidate.right == Right::Spill);
            }
        }
        check_shape(&plan, number);
    }
    assert!(paid > 30_000 && spilled > 2_000 && denied > 2_000, "{paid} {spilled} {denied}");
}

/// Those to be weighed stand first, nothing stands there twice, the first is never a spilled one, and a paid fallback of
/// a free model is one.
fn check_shape(plan: &Plan, number: u64) {
    let all: Vec<&Candidate> = plan.candidates().collect();
    let weighed = all.iter().skip(1).take_while(|candidate| candidate.is_weighed()).count();
    assert!(all[1 + weighed..].iter().all(|candidate| !candidate.is_weighed()), "case {number}: {plan:?}");
    assert_ne!(plan.first.right, Right::Spill, "case {number}: {plan:?}");
    for (index, candidate) in all.iter().enumerate() {
        assert!(all[..index].iter().all(|other| other.model.id != candidate.model.id), "case {number}: {plan:?}");
        let is_bought = !candidate.is_weighed() && !matches!(candidate.right, Right::Free | Right::Spill);
        assert!(!is_bought || plan.first.right != Right::Free, "case {number}: {plan:?}");
    }
}
