//! The built-in catalogue against its own text, and the limits by tier.

use super::*;
use crate::catalog::model::Status;
use crate::quota::limits::Source::{self, Documented, Interpolated, Seen};
use crate::quota::metric::Metric::{self, Ipd, Ipm, Rpm, Tpm};

/// The rows of the file, each as its text.
fn rows() -> impl Iterator<Item = &'static str> {
    BUILT_IN.split("[[length_family]]").next().unwrap().split("\n[[model]]\n").skip(1)
}

/// The value of a key at the beginning of a line of a row, without its comment.
fn field<'a>(row: &'a str, key: &str) -> Option<&'a str> {
    let line = row.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
    Some(line.split('#').next().unwrap().trim().trim_matches('"'))
}

#[test]
fn the_built_in_file_is_read_whole() {
    let catalogue = Catalogue::read(BUILT_IN).unwrap();
    assert_eq!(catalogue.models().len(), rows().count());
    assert_eq!(Catalogue::builtin().models(), catalogue.models());
    for (row, model) in rows().zip(catalogue.models()) {
        assert_eq!(field(row, "id"), Some(model.id.as_str()));
        assert_eq!(field(row, "kind"), Some(model.kind.label()));
        assert_eq!(field(row, "status"), Some(model.status.label()));
        assert_eq!(field(row, "free") == Some("true"), model.is_free, "{}", model.id);
        assert_eq!(field(row, "thinking"), model.thinking.as_deref());
        let number = |key| field(row, key).map(|digits| digits.parse().unwrap());
        assert_eq!((number("context"), number("max_output")), (model.context, model.max_output));
        assert_eq!(catalogue.get(&model.id), Some(model));
    }
}

#[test]
fn every_price_is_the_one_that_is_written() {
    for (row, model) in rows().zip(Catalogue::builtin().models()) {
        let prices = [
            ("price_in", model.price.as_deref().map(|price| price.tokens.input.times(1_000_000))),
            ("price_out", model.price.as_deref().map(|price| price.tokens.output.times(1_000_000))),
            ("price_cached", model.price.as_deref().map(|price| price.tokens.cached.times(1_000_000))),
            ("price_per_image", model.price.as_deref().map(|price| price.image)),
            ("price_per_video", model.price.as_deref().map(|price| price.video)),
            ("price_per_kchar", model.price.as_deref().map(|price| price.utf8_byte.times(1_000))),
        ];
        for (key, read) in prices {
            let Some(written) = field(row, key) else { continue };
            let read = read.unwrap().to_string();
            assert_eq!(read.trim_end_matches('0'), written.trim_end_matches('0'), "{} {key}", model.id);
        }
    }
}

#[test]
fn models_have_what_the_file_says() {
    let catalogue = Catalogue::builtin();
    let model = catalogue.get("Pro/zai-org/GLM-5.1").unwrap();
    assert_eq!((model.kind, model.is_free, model.status), (Kind::Chat, false, Status::Listed));
    assert_eq!((model.context, model.thinking.as_deref()), (Some(204_800), Some("effort")));
    assert_eq!(model.price.as_deref().unwrap().long.unwrap().from_tokens, 32_000);
    assert!(catalogue.get("zai-org/GLM-5.9").is_none());
    assert!(!catalogue.get("Qwen/QwQ-32B").unwrap().status.is_served());
}

/// The limit of a metric at each tier, L0 first.
fn check(model: &str, metric: Metric, expected: [(u64, Source); 6]) {
    let limit = |tier| Catalogue::builtin().limits(model, Kind::Chat, tier).get(metric).unwrap();
    let limits = Tier::ALL.map(limit).map(|limit| (limit.value, limit.source));
    assert_eq!(limits, expected, "{model} {metric:?}");
}

/// The same at every tier.
fn check_fixed(model: &str, metric: Metric, value: u64, source: Source) {
    check(model, metric, [(value, source); 6]);
}

/// L0 and L5 with their sources, and what was worked out between them.
fn tiers((low, low_from): (u64, Source), between: [u64; 4], (high, high_from): (u64, Source)) -> [(u64, Source); 6] {
    let [l1, l2, l3, l4] = between.map(|value| (value, Interpolated));
    [(low, low_from), l1, l2, l3, l4, (high, high_from)]
}

#[test]
fn paid_models_grow_with_the_tier() {
    let rpm = tiers((1_000, Documented), [2_000, 3_000, 4_000, 6_000], (10_000, Documented));
    let tpm = tiers((50_000, Documented), [126_000, 315_000, 792_000, 1_991_000], (5_000_000, Documented));
    for model in ["Qwen/Qwen3-14B", "Pro/Qwen/Qwen2.5-7B-Instruct", "acme/a-model-of-tomorrow"] {
        check(model, Rpm, rpm);
        check(model, Tpm, tpm);
    }
    let rpm = tiers((2_000, Documented), [3_000, 4_000, 5_000, 7_000], (10_000, Documented));
    let tpm = tiers((500_000, Documented), [910_000, 1_657_000, 3_017_000, 5_493_000], (10_000_000, Documented));
    check("Pro/BAAI/bge-m3", Rpm, rpm);
    check("Pro/BAAI/bge-m3", Tpm, tpm);
    check_fixed("Qwen/Qwen3-Reranker-8B", Rpm, 2_000, Documented);
    check_fixed("Qwen/Qwen3-Reranker-8B", Tpm, 500_000, Documented);
}

#[test]
fn what_was_seen_at_l0_is_where_a_model_begins() {
    let tpm = tiers((40_000, Seen), [105_000, 276_000, 725_000, 1_904_000], (5_000_000, Interpolated));
    check("Qwen/Qwen3.5-35B-A3B", Tpm, tpm);
    let tpm = tiers((50_000, Seen), [126_000, 315_000, 792_000, 1_991_000], (5_000_000, Documented));
    check("deepseek-ai/DeepSeek-V3", Tpm, tpm);
    // Only its requests were seen; the tokens are those of its class.
    let limits = Catalogue::builtin().limits("Qwen/Qwen3-VL-Embedding-8B", Kind::Chat, Tier::L0);
    let (rpm, tpm) = (limits.get(Rpm).unwrap(), limits.get(Tpm).unwrap());
    assert_eq!((rpm.value, rpm.source, tpm.value, tpm.source), (2_000, Seen, 500_000, Documented));
}

#[test]
fn free_models_are_fixed() {
    for (model, rpm, tpm) in [("Qwen/Qwen3-8B", 1_000, 50_000), ("BAAI/bge-m3", 2_000, 500_000)] {
        check_fixed(model, Rpm, rpm, Seen);
        check_fixed(model, Tpm, tpm, Seen);
    }
    // Not seen of this one, but of its class.
    check_fixed("tencent/Hunyuan-MT-7B", Tpm, 50_000, Seen);
    // Seen, and the only number that the page gives.
    check_fixed("BAAI/bge-reranker-v2-m3", Tpm, 500_000, Documented);
    check_fixed("Kwai-Kolors/Kolors", Ipm, 2, Documented);
    check_fixed("Kwai-Kolors/Kolors", Ipd, 400, Documented);
    // Chat's numbers for a model that looks.
    check_fixed("Qwen/Qwen3.5-4B", Tpm, 50_000, Interpolated);
    check_fixed("deepseek-ai/DeepSeek-OCR", Rpm, 1_000, Interpolated);
}

#[test]
fn pictures_are_limited_by_number_and_the_rest_is_not_known() {
    check_fixed("Qwen/Qwen-Image", Ipm, 2, Documented);
    check_fixed("Qwen/Qwen-Image-Edit", Ipd, 400, Documented);
    let catalogue = Catalogue::builtin();
    assert_eq!(catalogue.limits("Qwen/Qwen-Image", Kind::Chat, Tier::L3).get(Tpm), None);
    for unlimited in ["FunAudioLLM/SenseVoiceSmall", "FunAudioLLM/CosyVoice2-0.5B", "Wan-AI/Wan2.2-T2V-A14B"] {
        assert!(catalogue.limits(unlimited, Kind::Chat, Tier::L0).is_empty(), "{unlimited}");
    }
}

#[test]
fn an_unknown_name_is_limited_as_its_endpoint_s_class() {
    let catalogue = Catalogue::builtin();
    for kind in Kind::ALL {
        for tier in Tier::ALL {
            assert_eq!(catalogue.limits("acme/unheard-of", kind, tier), catalogue.class_limits(kind, tier));
        }
    }
    assert_eq!(catalogue.class_limits(Kind::Image, Tier::L0).get(Ipm).unwrap().value, 2);
    assert!(catalogue.class_limits(Kind::Tts, Tier::L5).is_empty());
}

#[test]
fn no_tier_is_lower_than_the_one_below() {
    let catalogue = Catalogue::builtin();
    for model in catalogue.models() {
        for metric in Metric::ALL {
            let limits = Tier::ALL
                .map(|tier| catalogue.limits(&model.id, model.kind, tier).get(metric).map(|limit| limit.value));
            assert!(limits.is_sorted(), "{} {metric:?}: {limits:?}", model.id);
            assert!(!model.is_free || limits.iter().all(|limit| *limit == limits[0]), "{}", model.id);
        }
    }
}

/// The built-in file with one thing changed: its only fault.
fn refused(old: &str, new: &str) -> String {
    assert!(BUILT_IN.contains(old));
    let faults = Catalogue::read(&BUILT_IN.replacen(old, new, 1)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults[0].error.to_string()
}

#[test]
fn what_is_wrong_is_named() {
    assert!(
        refused("id = \"Qwen/Qwen3-14B\"", "id = \"Qwen/Qwen3-8B\"").starts_with("Qwen/Qwen3-8B stands there twice")
    );
    assert!(refused("price_in = 5.0 ", "price_in = 5e0 ").starts_with("meituan-longcat/LongCat-2.0: prices are"));
    assert!(refused("price_in = 5.0 ", "price_in = 5.0000001 ").starts_with("meituan-longcat/LongCat-2.0: prices are"));
    assert!(refused("price_in = 5.0 ", "#").starts_with("meituan-longcat/LongCat-2.0: prices are"));
    assert!(refused("02:00-08:00 UTC+8", "08:00-02:00 UTC+8").starts_with("deepseek-ai/DeepSeek-V4-Flash: prices are"));
    assert!(refused("rpm = [1000, 10000]", "rpm = [1000, 10]").starts_with("`rpm` is no limit"));
    assert!(refused("tpm = 40000 ", "tps = 40000 ").starts_with("`tps` is no limit"));
    assert!(refused("tpm = 40000 ", "tpm = 0 ").starts_with("`tpm` is no limit"));
    assert!(refused("min_cny = 200 ", "min_cny = 300 ").starts_with("[[tiers.level]] must be"));
    assert!(refused("kind = \"chat\"", "kind = \"chatty\"").contains("chatty"));
}

#[test]
fn a_free_model_that_was_never_seen_begins_at_the_low_end() {
    let text = BUILT_IN.replacen("[model.limits.fixed]\nipm = 2", "[model.limits.fixed]\n", 1);
    let limits = Catalogue::read(&text).unwrap().limits("Kwai-Kolors/Kolors", Kind::Chat, Tier::L5);
    assert_eq!(limits.get(Ipm).unwrap().value, 2);
}

#[test]
fn what_was_seen_above_the_range_stays() {
    let text = BUILT_IN.replacen("tpm = 40000 ", "tpm = 7000000 ", 1);
    let catalogue = Catalogue::read(&text).unwrap();
    for tier in Tier::ALL {
        let limit = catalogue.limits("Qwen/Qwen3.5-35B-A3B", Kind::Chat, tier).get(Tpm).unwrap();
        assert_eq!((limit.value, limit.source), (7_000_000, Seen));
    }
}

#[test]
fn a_tier_begins_at_its_threshold() {
    let spends = [(0, Tier::L0), (50, Tier::L1), (200, Tier::L2), (2_000, Tier::L3), (5_000, Tier::L4)];
    let of_spend = |micros| Catalogue::builtin().thresholds().of_spend(Money::from_micros_cny(micros));
    for (cny, tier) in spends.into_iter().chain([(10_000, Tier::L5)]) {
        assert_eq!(of_spend(cny * 1_000_000), tier);
        assert!(cny == 0 || of_spend(cny * 1_000_000 - 1) < tier);
    }
}

#[test]
fn all_faults_are_told_with_their_lines() {
    let text = BUILT_IN.replacen("price_in = 5.0 ", "price_in = 5e0 ", 1).replacen("tpm = 40000 ", "tps = 40000 ", 1);
    let faults = Catalogue::read(&text).unwrap_err();
    let line = |words: &str| text[..text.find(words).unwrap()].lines().count();
    let lines: Vec<usize> = faults.iter().filter_map(|fault| fault.line).collect();
    // The line of the model that they are of.
    assert_eq!(
        lines,
        [line("id = \"meituan-longcat/LongCat-2.0\""), line("id = \"Qwen/Qwen3.5-35B-A3B\"")],
        "{faults:?}"
    );
    assert!(faults[0].to_string().starts_with(&format!("line {}: meituan-longcat", lines[0])), "{}", faults[0]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    /// Whatever is broken in a file, it is read or refused, and each fault has words.
    #[test]
    fn no_file_makes_it_panic(at in 0..BUILT_IN.len(), length in 0..400usize, new in "[a-z0-9=\\[\\]{}\". \n-]{0,12}") {
        let start = BUILT_IN.floor_char_boundary(at);
        let end = BUILT_IN.floor_char_boundary((at + length).min(BUILT_IN.len()));
        let text = format!("{}{new}{}", &BUILT_IN[..start], &BUILT_IN[end..]);
        if let Err(faults) = Catalogue::read(&text) {
            proptest::prop_assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.to_string().is_empty()));
        }
    }
}

#[test]
fn audio_is_charged_by_the_second() {
    let text = BUILT_IN.replacen(
        "id = \"TeleAI/TeleSpeechASR\"\nkind = \"asr\"\nfree = true",
        "id = \"a\"\nkind = \"asr\"\nprice_per_second = 0.000123",
        1,
    );
    let catalogue = Catalogue::read(&text).unwrap();
    let heard = Consumed { audio_millis: 1_500, ..Consumed::default() };
    assert_eq!(catalogue.cost("a", &heard, SystemTime::UNIX_EPOCH).unwrap().to_string(), "0.0001845");
}

#[test]
fn a_model_can_be_overridden_or_added() {
    let over = |id: &str, toml: &str| {
        let text = format!("x = {{ {toml} }}");
        let table = toml::de::DeTable::parse(&text).unwrap();
        Catalogue::builtin()
            .overridden(id, table.get_ref().get("x").unwrap(), &text)
            .map_err(|(_, error)| error.to_string())
    };
    let model = over("Qwen/Qwen3-14B", "price_in = 0.1, price_out = 0.3, context = 7").unwrap();
    let old = Catalogue::builtin().get("Qwen/Qwen3-14B").unwrap();
    assert_eq!(
        (model.price.as_deref().unwrap().tokens.output.times(1_000_000).to_string().as_str(), model.context),
        ("0.30", Some(7))
    );
    assert_eq!((model.kind, &model.caps, &model.thinking), (old.kind, &old.caps, &old.thinking));
    // Prices are replaced together.
    let model = over("deepseek-ai/DeepSeek-V4-Flash", "price_in = 1").unwrap();
    assert_eq!(
        (model.price.as_deref().unwrap().off_peak, model.price.as_deref().unwrap().tokens.cached),
        (None, model.price.as_deref().unwrap().tokens.input)
    );
    assert_eq!(over("Qwen/Qwen3-14B", "context = 9").unwrap().price, old.price);
    let paid = over("Qwen/Qwen3-8B", "free = false").unwrap();
    assert_eq!((paid.price, paid.fixed), (None, Limits::default()), "nobody knows its price, and tiers set its limits");
    assert_eq!(over("Qwen/Qwen3-14B", "free = true").unwrap().price, Some(Default::default()));
    let new = over("acme/new", "kind = \"image\", price_per_image = 0.2, status = \"new\"").unwrap();
    assert_eq!((new.kind, new.status, new.is_free), (Kind::Image, Status::New, false));
    for (id, toml, words) in [
        ("acme/new", "free = true", "needs a `kind`"),
        ("Qwen/Qwen3-8B", "price_in = 1", "is free and has a price"),
        ("Qwen/Qwen3-14B", "price_out = 1", "none for the output alone"),
        ("Qwen/Qwen3-14B", "price_tier = { input_tokens_from = 1, price_in = 1, price_out = 1 }", "prices are"),
        ("Qwen/Qwen3-14B", "context = -1", "-1"),
    ] {
        let error = over(id, toml).unwrap_err();
        assert!(error.contains(words), "{toml}: {error}");
    }
}
