//! A model as JSON, with names that stay: what `GET /models` adds to the upstream's entries, and what `flowgate models`
//! shows. Money is written as exact decimals in CNY, never as a float.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::catalogue::Catalogue;
use super::live::{self, LiveList};
use super::model::{Kind, Model};
use crate::ledger::price::{OffPeak, Price, Rates};
use crate::quota::limits::Limits;
use crate::quota::money::Money;

/// Everything that is known of `id`; `null` where nothing is. What is not known to be free is not free.
pub fn describe(catalogue: &Catalogue, live: Option<&LiveList>, id: &str, limits: &Limits) -> Value {
    let model = catalogue.get(id);
    let twin = catalogue.pro_twin(id).or_else(|| catalogue.plain_twin(id));
    json!({
        "kind": model.map(|model| model.kind.label()),
        "status": live::status(model, live, id),
        "free": model.is_some_and(|model| model.is_free),
        "twin": twin.map(|model| &model.id),
        "substitute": substitute(catalogue, model),
        "price": model.and_then(price),
        "context": model.and_then(|model| model.context),
        "context_shown": model.and_then(|model| model.context_shown.as_deref()),
        "max_output": model.and_then(|model| model.max_output),
        "max_input": model.and_then(|model| model.max_input),
        "capabilities": model.map(|model| &model.caps),
        "thinking": model.and_then(|model| model.thinking.as_deref()),
        "deprecated": model.and_then(|model| model.deprecated.as_deref()),
        "note": model.and_then(|model| model.note.as_deref()),
        "limits": by_metric(limits, |limit| json!(limit.value)),
        "limit_sources": by_metric(limits, |limit| json!(limit.source.label())),
    })
}

fn substitute<'a>(catalogue: &'a Catalogue, model: Option<&'a Model>) -> Option<&'a str> {
    let model = model?;
    let served = catalogue.substitute(&model.id).map(|model| model.id.as_str());
    served.or(model.substitute.as_deref())
}

fn by_metric(limits: &Limits, value: impl Fn(crate::quota::limits::Limit) -> Value) -> Value {
    Value::Object(limits.iter().map(|(metric, limit)| (metric.key().to_owned(), value(limit))).collect())
}

/// What `model` costs, in CNY; the parts that its kind is charged by, and any other that costs something.
fn price(model: &Model) -> Option<Value> {
    let price = model.price.as_ref()?;
    let kind = model.kind;
    let mut parts = tokens(kind, &price.tokens);
    parts.insert("currency".to_owned(), json!("CNY"));
    for (name, amount, is_usual) in things(kind, price) {
        if is_usual || amount != Money::ZERO {
            parts.insert(name.to_owned(), json!(amount.to_string()));
        }
    }
    if let Some(token) = price.picture_token {
        parts.insert("picture_input_per_million".to_owned(), json!(token.times(1_000_000).to_string()));
    }
    if let Some(band) = &price.long {
        let mut long = tokens(kind, &band.rates);
        long.insert("from_input_tokens".to_owned(), json!(band.from_tokens));
        parts.insert("long_input".to_owned(), Value::Object(long));
    }
    if let Some(hours) = &price.off_peak {
        parts.insert("off_peak".to_owned(), off_peak(kind, hours));
    }
    Some(Value::Object(parts))
}

fn off_peak(kind: Kind, hours: &OffPeak) -> Value {
    let mut parts = tokens(kind, &hours.rates);
    parts.insert("hours".to_owned(), json!(format!("{}-{}", clock(hours.from), clock(hours.until))));
    parts.insert("zone".to_owned(), json!("Asia/Shanghai"));
    Value::Object(parts)
}

/// `02:00`
fn clock(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Of a million tokens.
fn tokens(kind: Kind, rates: &Rates) -> Map<String, Value> {
    let has_input = kind.talks() || matches!(kind, Kind::Embedding | Kind::Rerank);
    let amounts = [
        ("input_per_million", rates.input, has_input),
        ("cached_input_per_million", rates.cached, kind.talks()),
        ("output_per_million", rates.output, kind.talks()),
    ];
    let shown = amounts.into_iter().filter(|(_, amount, is_usual)| *is_usual || *amount != Money::ZERO && kind.talks());
    shown.map(|(name, amount, _)| (name.to_owned(), json!(amount.times(1_000_000).to_string()))).collect()
}

fn things(kind: Kind, price: &Price) -> [(&'static str, Money, bool); 4] {
    [
        ("image", price.image, matches!(kind, Kind::Image | Kind::ImageEdit)),
        ("video", price.video, kind == Kind::Video),
        ("thousand_utf8_bytes", price.utf8_byte.times(1_000), kind == Kind::Tts),
        ("audio_second", price.audio_milli.times(1_000), kind == Kind::Asr),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::tier::Tier;

    fn price_of(id: &str) -> Value {
        let catalogue = Catalogue::builtin();
        let model = catalogue.get(id).unwrap();
        describe(catalogue, None, id, &catalogue.limits(id, model.kind, Tier::L0))["price"].clone()
    }

    #[test]
    fn money_is_written_to_the_last_digit() {
        let chat = json!({"currency": "CNY", "input_per_million": "1.75", "output_per_million": "7.00", "cached_input_per_million": "0.175"});
        assert_eq!(price_of("nex-agi/Nex-N2-Pro"), chat);
        assert_eq!(price_of("Pro/BAAI/bge-m3"), json!({"currency": "CNY", "input_per_million": "0.07"}));
        assert_eq!(price_of("Kwai-Kolors/Kolors"), json!({"currency": "CNY", "image": "0.00"}));
        assert_eq!(price_of("FunAudioLLM/CosyVoice2-0.5B"), json!({"currency": "CNY", "thousand_utf8_bytes": "0.05"}));
        assert_eq!(price_of("FunAudioLLM/SenseVoiceSmall"), json!({"currency": "CNY", "audio_second": "0.00"}));
        assert_eq!(price_of("Wan-AI/Wan2.2-T2V-A14B"), json!({"currency": "CNY", "video": "2.00"}));
        assert_eq!(price_of("Qwen/Qwen3-VL-Reranker-8B")["picture_input_per_million"], "1.80");
        assert_eq!(price_of("Qwen/Qwen3.8-27B"), Value::Null);
    }

    #[test]
    fn bands_and_hours_are_shown() {
        let long = &price_of("Pro/zai-org/GLM-5.1")["long_input"];
        assert_eq!((&long["from_input_tokens"], &long["input_per_million"]), (&json!(32_000), &json!("8.00")));
        let night = &price_of("deepseek-ai/DeepSeek-V4-Flash")["off_peak"];
        assert_eq!((&night["hours"], &night["output_per_million"]), (&json!("02:00-08:00"), &json!("4.50")));
    }

    #[test]
    fn what_is_not_known_is_null_and_not_free() {
        let nothing = describe(Catalogue::builtin(), None, "acme/new", &Limits::default());
        assert_eq!(
            (&nothing["kind"], &nothing["free"], &nothing["status"]),
            (&Value::Null, &json!(false), &json!("unknown"))
        );
    }

    #[test]
    fn limits_say_where_they_come_from() {
        let catalogue = Catalogue::builtin();
        let limits = catalogue.limits("Qwen/Qwen3-14B", Kind::Chat, Tier::L1);
        let shown = describe(catalogue, None, "Qwen/Qwen3-14B", &limits);
        assert_eq!((&shown["limits"]["rpm"], &shown["limit_sources"]["rpm"]), (&json!(2_000), &json!("interpolated")));
        let gone = describe(catalogue, None, "Qwen/QwQ-32B", &Limits::default());
        assert_eq!(gone["substitute"], "Qwen/Qwen3-32B");
    }
}
