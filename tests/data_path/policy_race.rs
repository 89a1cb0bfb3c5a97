//! Many callers at once, with keys, headers, suffixes and names at random, while the free quota runs out again and again:
//! whatever is sent to a paid model, some rule allows it.

use serde_json::json;

use super::policy::{FREE, PRO};
use super::support::{Got, Rig, chat};

const KEYS: [&str; 3] = ["sk-ann-canary-1", "sk-bob-canary-2", "sk-old-canary-3"];
const POLICIES: [&str; 5] = ["", "exact", "free-only", "prefer-free", "prefer-pro"];
const SUFFIXES: [&str; 5] = ["", "", ":free", ":pro", ":auto"];

/// Ann may call free models only, bob may spill, the third may do neither but asks as it likes.
fn config() -> String {
    let keys = [("ann", "policy = \"free-only\"\nspill = true"), ("bob", "spill = true"), ("old", "")];
    let keys = keys.map(|(name, more)| {
        format!("[[key]]\nname = \"{name}\"\nsecret = {{ env = \"KEY_{}\" }}\n{more}\n", name.to_uppercase())
    });
    let account = format!(
        "[[account]]\nname = \"main\"\nmargin = \"1ms\"\nrule = \"bucket\"\n[account.limits.\"{FREE}\"]\nrpm = 240\n"
    );
    let models = "[models]\npolicy = \"prefer-free\"\n[models.spill]\nafter = \"20ms\"\nsticky = \"200ms\"\nbudget_per_day = \"0.02 CNY\"\n";
    format!("[queue]\nmax_wait = \"1s\"\n{account}{models}{}", keys.concat())
}

/// One request: whose, how, for which.
#[derive(Debug, Clone, Copy)]
struct Asked {
    key: usize,
    policy: &'static str,
    suffix: &'static str,
    is_pro: bool,
    number: u64,
}

impl Asked {
    fn random(number: u64) -> Self {
        let dice = |sides: u64, salt: u64| {
            let mixed = (number + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33) % sides
        };
        Self {
            key: dice(3, 1_000_003) as usize,
            policy: POLICIES[dice(5, 2_000_003) as usize],
            suffix: SUFFIXES[dice(5, 3_000_017) as usize],
            is_pro: dice(3, 4_000_037) == 0,
            number,
        }
    }

    async fn send(self, rig: &Rig) -> (Self, Got) {
        let name = format!("{}{}", if self.is_pro { PRO } else { FREE }, self.suffix);
        let mut body = chat(&name, &format!("talk {} [[tokens=50]]", self.number % 40));
        body["max_tokens"] = json!(60);
        let request = rig.post("/v1/chat/completions", body.to_string()).bearer_auth(KEYS[self.key]);
        let request = if self.policy.is_empty() { request } else { request.header("x-flowgate-policy", self.policy) };
        (self, Got::of(request).await)
    }

    /// The policy in force, by a plain reading of the rules.
    fn policy(self) -> &'static str {
        match (self.key, self.suffix, self.policy) {
            (0, _, _) | (_, ":free", _) | (_, _, "free-only") => "free-only",
            (_, ":pro", _) => "prefer-pro",
            (_, ":auto", _) | (_, _, "") => "prefer-free",
            (_, _, policy) => policy,
        }
    }

    /// Whether the paid one may be called.
    fn may_pay(self) -> bool {
        match self.policy() {
            "exact" => self.is_pro,
            "prefer-free" => self.key == 1,
            policy => policy == "prefer-pro",
        }
    }

    /// Whether that would be a matter of the budget.
    fn would_spill(self) -> bool {
        self.policy() == "prefer-free"
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_paid_is_called_unless_a_rule_allows_it_under_any_race() {
    let rig = Rig::mocked(&config()).await;
    let mut all = Vec::new();
    for wave in 0..8 {
        let wave = (wave * 250..(wave + 1) * 250).map(|number| Asked::random(number).send(&rig));
        all.extend(futures_util::future::join_all(wave).await);
    }
    let (mut paid, mut spilled) = (0, 0);
    for (asked, got) in &all {
        assert!(matches!(got.status, 200 | 429), "{asked:?} {}", got.text());
        if got.status == 200 && got.header("x-flowgate-model") == Some(PRO) {
            assert!(asked.may_pay(), "{asked:?}");
            paid += 1;
            spilled += u64::from(asked.would_spill());
        }
    }
    assert!(spilled > 20, "{spilled} of {paid}");
    // What the callers saw is all that was sent.
    let billed = rig.mock().control().billed();
    assert_eq!((billed.models[PRO].requests, billed.total.refused), (paid, 0));
    assert_eq!(rig.metric("flowgate_model_choices_total", &["spill"]).await, spilled as f64);
    rig.is_idle().await;
    rig.metric_becomes("flowgate_spill_reserved_cny", &[], 0.0).await;
    rig.metric_becomes("flowgate_quota_reserved", &[], 0.0).await;
    let spent = rig.metric("flowgate_spill_spent_cny", &[]).await;
    assert!(spent > 0.0 && spent <= 0.02, "{spent}");
}
