//! Whether what the upstream let through and refused fits the tier that is believed in.
//!
//! Pure: what was learned, and what each tier would give, are handed in. A belief that is only a little off says nothing;
//! limits between the ends of the table are guesses anyway.

use std::fmt;

use super::metric::Metric;
use super::tier::Tier;

/// From this factor on a learned limit contradicts its tier (ours). Twice a quarter more, as beliefs rise, is beyond it: by
/// then the first of the two steps has lasted.
const CLEARLY: f64 = 1.5;
/// So many are told; one is enough to act on (ours).
const MOST_TOLD: usize = 3;

/// A limit that the upstream has taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The model.
    pub model: String,
    /// Which of its limits.
    pub metric: Metric,
    /// What is kept to by now.
    pub value: u64,
    /// What each tier would give, L0 first.
    pub at: [u64; 6],
}

impl Learned {
    /// Its part of what `tier` would give.
    fn part_of(&self, tier: Tier) -> f64 {
        self.value.max(1) as f64 / self.at[tier.index()].max(1) as f64
    }

    fn contradicts(&self, tier: Tier) -> bool {
        let part = self.part_of(tier);
        part >= CLEARLY || part <= 1.0 / CLEARLY
    }

    /// Whether it makes a difference which tier it is.
    fn depends_on_tier(&self) -> bool {
        self.at.iter().any(|value| *value != self.at[0])
    }
}

/// What contradicts a tier, and which one fits better. Written out it is a sentence for people, with what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    tier: Tier,
    against: Vec<Learned>,
    likely: Option<Tier>,
}

impl Doubt {
    /// What speaks against `tier`; `None` when nothing does.
    pub fn of(tier: Tier, learned: &[Learned]) -> Option<Self> {
        let against: Vec<Learned> = learned.iter().filter(|learned| learned.contradicts(tier)).cloned().collect();
        if against.is_empty() {
            return None;
        }
        let likely = likely(&against).filter(|likely| *likely != tier);
        Some(Self { tier, against, likely })
    }
}

/// The tier that is nearest to all of what was learned, the lowest of those that are equally near.
fn likely(learned: &[Learned]) -> Option<Tier> {
    let telling: Vec<&Learned> = learned.iter().filter(|learned| learned.depends_on_tier()).collect();
    let distance = |tier: Tier| telling.iter().map(|learned| learned.part_of(tier).ln().abs()).sum::<f64>();
    let nearest = Tier::ALL.into_iter().min_by(|one, other| distance(*one).total_cmp(&distance(*other)));
    nearest.filter(|_| !telling.is_empty())
}

impl fmt::Display for Doubt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for learned in self.against.iter().take(MOST_TOLD) {
            let Learned { model, metric, value, at } = learned;
            let (given, metric) = (at[self.tier.index()], metric.name());
            let what = if learned.part_of(self.tier) < 1.0 { "refused below" } else { "let through more than" };
            let tier = self.tier;
            write!(
                formatter,
                "SiliconFlow {what} {given} {metric} of {model}, which {tier} should allow (now kept to: {value}); "
            )?;
        }
        if let Some(others @ 1..) = self.against.len().checked_sub(MOST_TOLD) {
            write!(formatter, "so it is with {others} more, see `flowgate limits`; ")?;
        }
        match self.likely {
            Some(likely) if likely < self.tier => write!(
                formatter,
                "perhaps the account is {likely} (then set account.tier = \"{likely}\"), or something else uses it as well"
            ),
            Some(likely) => write!(
                formatter,
                "perhaps the account is {likely}, by what was spent elsewhere: then set account.tier = \"{likely}\""
            ),
            None => write!(
                formatter,
                "no tier explains that: perhaps something else uses the account as well; if not, write the numbers into account.limits"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A paid chat model's requests a minute, as the catalogue has them.
    const RPM: [u64; 6] = [1_000, 2_000, 3_000, 4_000, 6_000, 10_000];

    fn rpm(value: u64) -> Learned {
        Learned { model: "acme/m".into(), metric: Metric::Rpm, value, at: RPM }
    }

    fn check(tier: Tier, learned: &[Learned], words: &[&str]) {
        let said = Doubt::of(tier, learned).map(|doubt| doubt.to_string());
        match said {
            Some(said) => assert!(!words.is_empty() && words.iter().all(|word| said.contains(word)), "{said}"),
            None => assert!(words.is_empty(), "nothing was said of {learned:?}"),
        }
    }

    #[test]
    fn what_is_near_says_nothing() {
        check(Tier::L2, &[], &[]);
        for value in [2_001, 2_900, 3_000, 3_750, 4_499] {
            check(Tier::L2, &[rpm(value)], &[]);
        }
    }

    #[test]
    fn an_early_refusal_speaks_for_a_lower_tier() {
        let words =
            ["refused below 3000 RPM of acme/m, which L2 should allow", "now kept to: 600", "account.tier = \"L0\""];
        check(Tier::L2, &[rpm(600)], &words);
        check(Tier::L4, &[rpm(2_000)], &["perhaps the account is L1", "uses it as well"]);
    }

    #[test]
    fn use_beyond_it_speaks_for_a_higher_tier() {
        check(Tier::L0, &[rpm(2_900)], &["let through more than 1000 RPM", "L2, by what was spent elsewhere"]);
    }

    #[test]
    fn all_of_them_together_decide() {
        check(Tier::L5, &[rpm(2_000), rpm(3_000), rpm(2_900)], &["account.tier = \"L2\""]);
        let many: Vec<_> = (0..9).map(|_| rpm(2_000)).collect();
        check(Tier::L5, &many, &["so it is with 6 more", "L1"]);
    }

    #[test]
    fn where_tiers_make_no_difference_none_explains_it() {
        let free = Learned { at: [1_000; 6], ..rpm(100) };
        check(
            Tier::L3,
            std::slice::from_ref(&free),
            &["refused below 1000 RPM", "no tier explains that", "account.limits"],
        );
        check(Tier::L0, &[rpm(100)], &["no tier explains that"]);
        check(Tier::L3, &[free, rpm(2_000)], &["perhaps the account is L1"]);
    }

    #[test]
    fn hostile_numbers_are_survived() {
        let none = Learned { at: [0; 6], ..rpm(0) };
        check(Tier::L3, std::slice::from_ref(&none), &[]);
        check(Tier::L3, &[Learned { value: u64::MAX, ..none }, rpm(0)], &["SiliconFlow"]);
    }
}
