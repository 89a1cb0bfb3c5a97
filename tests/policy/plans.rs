//! Ladders: what an alias that stands for several models comes to under each policy.

use flowgate::catalog::Catalogue;
use flowgate::catalog::alias::Aliases;
use flowgate::catalog::ladder::{Ladders, Written};
use flowgate::catalog::plan::Plan;
use flowgate::catalog::policy::{KeyPolicy, Policy, Rules, SpillRules, Wish};

const FREE: &str = "Qwen/Qwen2.5-7B-Instruct";
const PRO: &str = "Pro/Qwen/Qwen2.5-7B-Instruct";
const PAID: &str = "deepseek-ai/DeepSeek-V3.2";

/// The plan for the alias `fast`, which stands for `models`, with `key` and under `policy` of its own.
fn plan(models: &[&str], own: Option<Policy>, key: Option<Policy>, may_spill: bool) -> Result<Plan, String> {
    let models: Vec<String> = models.iter().map(|model| (*model).to_owned()).collect();
    let (aliases, errors) = Aliases::new([("fast", models[0].as_str())]);
    assert!(errors.is_empty());
    let (ladders, errors) = Ladders::new(&[Written { alias: "fast".to_owned(), models, policy: own }], &aliases);
    assert!(errors.is_empty());
    let spill = SpillRules { is_allowed: may_spill, ..SpillRules::default() };
    let rules = Rules { ladders, spill, ..Rules::default() };
    let key = KeyPolicy { policy: key, spill: None };
    let wish = Wish { name: "fast", policy: None, key, may_use: &|_| true };
    rules.plan(&wish, &aliases, Catalogue::builtin()).map_err(|denied| denied.to_string())
}

fn told(plan: Result<Plan, String>) -> Vec<String> {
    let plan = plan.unwrap();
    plan.candidates().map(|candidate| format!("{} {}", candidate.right.label(), candidate.model.id)).collect()
}

#[test]
fn a_list_is_tried_as_it_stands() {
    let plan = plan(&[FREE, PAID, "Qwen/Qwen3-8B"], None, None, false).unwrap();
    assert!(plan.candidates().all(|candidate| candidate.is_weighed() && candidate.model.is_renamed));
    assert!(plan.rest.iter().all(|candidate| candidate.is_fallback()));
    assert_eq!(told(Ok(plan)), [format!("free {FREE}"), format!("policy {PAID}"), "free Qwen/Qwen3-8B".to_owned()]);
}

#[test]
fn a_policy_is_kept_on_every_rung() {
    let list = [PAID, FREE];
    assert_eq!(told(plan(&list, Some(Policy::FreeOnly), None, true)), [format!("free {FREE}")]);
    assert_eq!(told(plan(&list, Some(Policy::PreferFree), None, false)), [format!("free {FREE}")]);
    let spilled = [format!("free {FREE}"), format!("spill {PAID}"), format!("spill {PRO}")];
    assert_eq!(told(plan(&list, Some(Policy::PreferFree), None, true)), spilled);
    let pro = [format!("policy Pro/{PAID}"), format!("name {PAID}"), format!("policy {PRO}"), format!("free {FREE}")];
    assert_eq!(told(plan(&list, Some(Policy::PreferPro), None, false)), pro);
    assert!(plan(&[PAID], Some(Policy::FreeOnly), None, true).unwrap_err().contains("free-only"));
}

#[test]
fn the_key_has_a_word_before_the_alias() {
    assert_eq!(told(plan(&[PAID, FREE], Some(Policy::Exact), Some(Policy::FreeOnly), true)), [format!("free {FREE}")]);
    assert_eq!(told(plan(&[PAID], Some(Policy::FreeOnly), Some(Policy::Exact), true)), [format!("name {PAID}")]);
}
