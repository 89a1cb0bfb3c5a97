//! What each policy makes of a name, by example; tests/policy holds the rules against random ones.

use super::*;
use crate::catalog::plan::Right;

/// Free, with a paid twin.
const FREE: &str = "BAAI/bge-m3";
const PRO: &str = "Pro/BAAI/bge-m3";
/// Paid, without a twin.
const PAID: &str = "Qwen/Qwen3-32B";

fn open(_: &str) -> bool {
    true
}

fn wish(name: &str) -> Wish<'_> {
    Wish { name, policy: None, key: KeyPolicy::default(), may_use: &open }
}

/// The candidates as `right id`, in order.
fn told(plan: Result<Plan, Denied>) -> Vec<String> {
    match plan {
        Ok(plan) => {
            plan.candidates().map(|candidate| format!("{} {}", candidate.right.label(), candidate.model.id)).collect()
        }
        Err(denied) => vec![denied.to_string()],
    }
}

fn check(rules: &Rules, wish: Wish<'_>, expected: &[&str]) {
    assert_eq!(told(rules.plan(&wish, &Aliases::default(), Catalogue::builtin())), expected, "{}", wish.name);
}

fn rules(policy: Policy, may_spill: bool) -> Rules {
    let spill = SpillRules { is_allowed: may_spill, ..SpillRules::default() };
    Rules { policy, spill, ..Rules::default() }
}

#[test]
fn each_policy_has_its_order() {
    use Policy::{Exact, FreeOnly, PreferFree, PreferPro};
    let (free, pro) = (format!("free {FREE}"), format!("name {PRO}"));
    check(&rules(Exact, true), wish(FREE), &[&free]);
    check(&rules(Exact, true), wish(PRO), &[&pro]);
    check(&rules(Exact, true), wish("nobody/knows"), &["name nobody/knows"]);
    check(&rules(FreeOnly, true), wish(PRO), &[&free]);
    for name in [FREE, PRO] {
        check(&rules(PreferFree, false), wish(name), &[&free]);
        check(&rules(PreferFree, true), wish(name), &[&free, &format!("spill {PRO}")]);
    }
    check(&rules(PreferFree, true), wish(PAID), &[&format!("name {PAID}")]);
    check(&rules(PreferPro, false), wish(FREE), &[&format!("policy {PRO}"), &free]);
    check(&rules(PreferPro, false), wish(PRO), &[&pro, &free]);
    check(
        &rules(PreferPro, false),
        wish("deepseek-ai/DeepSeek-V3"),
        &["policy Pro/deepseek-ai/DeepSeek-V3", "name deepseek-ai/DeepSeek-V3"],
    );
}

#[test]
fn a_paid_model_is_refused_with_a_free_one_in_its_place() {
    let told = told(rules(Policy::FreeOnly, true).plan(&wish(PAID), &Aliases::default(), Catalogue::builtin()));
    assert!(
        told[0].contains(PAID) && told[0].contains("the operator") && told[0].contains("`Qwen/Qwen3-8B` is free"),
        "{told:?}"
    );
    let asked = Wish { policy: Some(Policy::FreeOnly), ..wish("nobody/knows") };
    let told = self::told(rules(Policy::Exact, true).plan(&asked, &Aliases::default(), Catalogue::builtin()));
    assert!(told[0].contains("this request asks for free models only"), "{told:?}");
}

#[test]
fn a_request_has_the_first_word_but_not_against_free_only() {
    use Policy::{Exact, FreeOnly, PreferFree, PreferPro};
    let key = |policy| KeyPolicy { policy: Some(policy), spill: None };
    let first = |gateway, key, header, name: &str| {
        let wish = Wish { policy: header, key, ..wish(name) };
        rules(gateway, false).plan(&wish, &Aliases::default(), Catalogue::builtin()).unwrap().first.model.id
    };
    let none = KeyPolicy::default();
    assert_eq!(first(PreferFree, none, Some(Exact), PRO), PRO);
    assert_eq!(first(PreferFree, none, Some(PreferPro), FREE), PRO);
    assert_eq!(first(Exact, none, None, &format!("{FREE}:pro")), PRO);
    assert_eq!(first(Exact, none, None, &format!("{PRO}:free")), FREE);
    assert_eq!(first(Exact, none, Some(PreferPro), &format!("{PRO}:auto")), FREE);
    assert_eq!(first(Exact, none, Some(FreeOnly), &format!("{FREE}:pro")), FREE);
    for header in [None, Some(Exact), Some(PreferPro)] {
        for name in [FREE.to_owned(), PRO.to_owned(), format!("{FREE}:pro"), format!("{PRO}:auto")] {
            assert_eq!(first(FreeOnly, none, header, &name), FREE, "{header:?} {name}");
            assert_eq!(first(PreferPro, key(FreeOnly), header, &name), FREE, "{header:?} {name}");
        }
    }
    // A key's own setting replaces the gateway's.
    assert_eq!(first(FreeOnly, key(Exact), None, PRO), PRO);
    let spill = Wish { key: KeyPolicy { spill: Some(true), ..none }, ..wish(FREE) };
    check(&rules(PreferFree, false), spill, &[&format!("free {FREE}"), &format!("spill {PRO}")]);
    let spill = Wish { key: KeyPolicy { spill: Some(false), ..none }, ..wish(FREE) };
    check(&rules(PreferFree, true), spill, &[&format!("free {FREE}")]);
}

#[test]
fn a_key_with_a_list_pays_for_nothing_that_is_not_on_it() {
    let only = |model: &'static str| move |asked: &str| asked == model;
    let plan = |rules: Rules, name, may_use: &dyn Fn(&str) -> bool| {
        told(rules.plan(&Wish { may_use, ..wish(name) }, &Aliases::default(), Catalogue::builtin()))
    };
    let free = format!("free {FREE}");
    assert_eq!(plan(rules(Policy::PreferFree, true), FREE, &only(FREE)), [free.as_str()]);
    assert_eq!(plan(rules(Policy::PreferPro, true), FREE, &only(FREE)), [free.as_str()]);
    // The free one is the same model.
    assert_eq!(plan(rules(Policy::FreeOnly, true), PRO, &only(PRO)), [free.as_str()]);
    assert_eq!(plan(rules(Policy::Exact, true), PRO, &only(FREE)), ["the key may not use this model"]);
    assert_eq!(plan(rules(Policy::FreeOnly, true), PAID, &only(FREE)), ["the key may not use this model"]);
}

#[test]
fn fallback_needs_a_right_as_well() {
    use Policy::{Exact, FreeOnly, PreferFree};
    let with = |policy, may_spill| {
        let lists = [(FREE, vec![PAID, "BAAI/bge-large-zh-v1.5"]), (PAID, vec!["Qwen/Qwen3-8B", "Qwen/Qwen3-14B"])];
        let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        let fallback = lists.into_iter().map(|(id, ids)| (id.to_owned(), owned(ids))).collect();
        Rules { fallback, ..rules(policy, may_spill) }
    };
    let (free, spare) = (format!("free {FREE}"), "free BAAI/bge-large-zh-v1.5");
    check(&with(Exact, false), wish(FREE), &[&free, spare]);
    check(&with(Exact, true), wish(FREE), &[&free, &format!("spill {PAID}"), spare]);
    check(&with(FreeOnly, true), wish(PRO), &[&free, spare]);
    // Whoever asked for a paid one may get another one.
    check(
        &with(PreferFree, false),
        wish(PAID),
        &[&format!("name {PAID}"), "free Qwen/Qwen3-8B", "policy Qwen/Qwen3-14B"],
    );
}

#[test]
fn a_suffix_is_none_where_the_whole_is_a_name() {
    let (aliases, _) = Aliases::new([("mine:free", PAID), ("other*", PAID), ("tag:*", PAID)]);
    let first = |name| Rules::default().plan(&wish(name), &aliases, Catalogue::builtin()).map(|plan| plan.first);
    assert_eq!(first("mine:free").unwrap().right, Right::Name);
    assert_eq!(first("tag:pro").unwrap().model.id, PAID);
    assert!(matches!(first("other:free"), Err(Denied::Paid { .. })));
    assert_eq!(first(":free").unwrap().model.id, ":free");
    assert_eq!(first("other:free2").unwrap().model.id, PAID);
}
