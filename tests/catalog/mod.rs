//! The built-in catalogue against its own data file, read without the loader, and against the list of models that it must
//! know.

use std::collections::HashSet;

use flowgate::catalog::Catalogue;
use flowgate::catalog::model::{Kind, Model, Status};
use flowgate::ledger::price::{Consumed, Price};
use flowgate::quota::limits::Limits;
use flowgate::quota::metric::Metric;
use flowgate::quota::money::Money;
use flowgate::quota::tier::Tier;
use toml::Value;

const DATA: &str = include_str!("../../config/models.toml");
/// The project's list of ids, one a line.
const MUST_HAVE: &str = include_str!("must-have.txt");

fn rows() -> Vec<toml::Table> {
    let data: toml::Table = DATA.parse().unwrap();
    let rows = data["model"].as_array().unwrap();
    rows.iter().map(|row| row.as_table().unwrap().clone()).collect()
}

/// Each row of the data with the model that the loader made of it.
fn each(mut check: impl FnMut(&toml::Table, &Model)) {
    let rows = rows();
    assert_eq!(rows.len(), Catalogue::builtin().models().len());
    for row in &rows {
        let id = row["id"].as_str().unwrap();
        check(row, Catalogue::builtin().get(id).unwrap_or_else(|| panic!("{id} is not in the catalogue")));
    }
}

#[test]
fn every_model_that_must_be_known_is() {
    let must: Vec<&str> = MUST_HAVE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(must.len() >= 49, "{must:?}");
    for id in must {
        let model = Catalogue::builtin().get(id).unwrap_or_else(|| panic!("{id} is not in the catalogue"));
        let is_told = model.status != Status::Gone || Catalogue::builtin().substitute(id).is_some();
        assert!(is_told, "{id} is gone and has no substitute");
    }
}

#[test]
fn every_row_is_there_with_all_that_it_says() {
    each(|row, model| {
        let id = &model.id;
        let text = |key: &str| row.get(key).and_then(Value::as_str);
        let number = |key: &str| row.get(key).and_then(Value::as_integer).map(|number| number as u64);
        let list = |key: &str| row.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        assert_eq!((text("kind"), text("status")), (Some(model.kind.label()), Some(model.status.label())), "{id}");
        assert_eq!(row.get("free").and_then(Value::as_bool).unwrap_or(false), model.is_free, "{id}");
        assert_eq!(text("thinking"), model.thinking.as_deref(), "{id}");
        assert_eq!(text("context_shown"), model.context_shown.as_deref(), "{id}");
        assert_eq!(text("substitute"), model.substitute.as_deref(), "{id}");
        assert_eq!((text("note"), text("deprecated")), (model.note.as_deref(), model.deprecated.as_deref()), "{id}");
        assert_eq!((number("context"), number("max_output")), (model.context, model.max_output), "{id}");
        assert_eq!(
            (number("max_input_tokens"), number("max_reasoning")),
            (model.max_input, model.max_reasoning),
            "{id}"
        );
        let caps: Vec<Value> = model.caps.iter().map(|cap| Value::from(cap.as_str())).collect();
        assert_eq!(list("caps"), caps, "{id}");
        let dimensions: Vec<Value> = model.dimensions.iter().map(|length| Value::from(*length as i64)).collect();
        assert_eq!(list("dimensions"), dimensions, "{id}");
    });
}

/// A price as CNY, from the amount of one of `count` things.
fn cny(amount: Money, count: u64) -> f64 {
    amount.times(count).to_string().parse().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_float().or(value.as_integer().map(|whole| whole as f64)).unwrap()
}

#[test]
fn every_price_is_the_one_that_is_written() {
    let mut count = 0;
    each(|row, model| {
        let price = model.price.as_deref().copied().unwrap_or_default();
        let mut check = |key: &str, amount: Money, times: u64| {
            if let Some(written) = row.get(key) {
                assert_eq!(cny(amount, times), number(written), "{} {key}", model.id);
                count += 1;
            }
        };
        check("price_in", price.tokens.input, 1_000_000);
        check("price_out", price.tokens.output, 1_000_000);
        check("price_cached", price.tokens.cached, 1_000_000);
        check("price_in_image", price.picture_token.unwrap_or_default(), 1_000_000);
        check("price_per_image", price.image, 1);
        check("price_per_video", price.video, 1);
        check("price_per_kchar", price.utf8_byte, 1_000);
        check("price_per_second", price.audio_milli, 1_000);
        let is_written = row.keys().any(|key| key.starts_with("price_") && key != "price_conflict");
        assert_eq!(model.price.is_some(), is_written || model.is_free, "{}", model.id);
        assert!(!model.is_free || model.price.as_deref() == Some(&Price::default()), "{}", model.id);
    });
    assert!(count > 160, "only {count} prices");
}

#[test]
fn every_band_and_every_hour_is_the_one_that_is_written() {
    let mut count = 0;
    each(|row, model| {
        let price = model.price.as_deref().copied().unwrap_or_default();
        let parts = [
            ("price_tier", price.long.map(|band| band.rates)),
            ("price_offpeak", price.off_peak.map(|hours| hours.rates)),
        ];
        for (key, rates) in parts {
            let written = row.get(key).and_then(Value::as_table);
            assert_eq!(written.is_some(), rates.is_some(), "{} {key}", model.id);
            let (Some(written), Some(rates)) = (written, rates) else { continue };
            assert_eq!(cny(rates.input, 1_000_000), number(&written["price_in"]), "{} {key}", model.id);
            assert_eq!(cny(rates.output, 1_000_000), number(&written["price_out"]), "{} {key}", model.id);
            count += 1;
        }
        let from = row.get("price_tier").and_then(|band| band["input_tokens_from"].as_integer());
        assert_eq!(from.map(|from| from as u64), price.long.map(|band| band.from_tokens), "{}", model.id);
    });
    assert_eq!(count, 7);
}

#[test]
fn every_limit_is_the_one_that_is_written() {
    let mut count = 0;
    each(|row, model| {
        for (key, limits) in [("fixed", model.fixed), ("L0", model.l0)] {
            let written = row.get("limits").and_then(|limits| limits.get(key)?.as_table());
            assert_eq!(written.is_none_or(toml::Table::is_empty), limits == Limits::default(), "{} {key}", model.id);
            for (metric, number) in written.into_iter().flatten() {
                let limit = limits.get(Metric::parse(metric).unwrap()).unwrap();
                assert_eq!(limit.value as i64, number.as_integer().unwrap(), "{} {key} {metric}", model.id);
                let at_l0 = Catalogue::builtin().limits(&model.id, Kind::Chat, Tier::L0);
                assert_eq!(at_l0.get(Metric::parse(metric).unwrap()).unwrap().value, limit.value, "{}", model.id);
                count += 1;
            }
        }
    });
    assert!(count > 30, "only {count} limits");
}

/// `pro_twin` and `base_id` say in the data what the names say.
#[test]
fn twins_are_those_that_the_data_names() {
    let catalogue = Catalogue::builtin();
    each(|row, model| {
        if let Some(has_twin) = row.get("pro_twin").and_then(Value::as_bool) {
            assert_eq!(has_twin, catalogue.pro_twin(&model.id).is_some(), "{}", model.id);
        }
        if let Some(base) = row.get("base_id").and_then(Value::as_str) {
            assert_eq!(model.id.strip_prefix(flowgate::catalog::PRO), Some(base));
        }
    });
}

#[test]
fn nobody_pays_for_what_is_free() {
    let everything = Consumed {
        input_tokens: 1_000_000,
        cached_tokens: 10,
        output_tokens: 1_000_000,
        images: 9,
        videos: 9,
        utf8_bytes: 1_000_000,
        audio_millis: 1_000_000,
    };
    let now = std::time::SystemTime::now();
    for model in Catalogue::builtin().models() {
        let cost = model.cost(&everything, now);
        assert_eq!(model.is_free, cost == Some(Money::ZERO), "{}: {cost:?}", model.id);
    }
}

/// The command line's words for kinds are the catalogue's.
#[test]
fn the_command_line_knows_every_kind() {
    let code = include_str!("../../src/cli/models/mod.rs");
    let words: HashSet<&str> =
        code.split("const KINDS").nth(1).unwrap().split(';').nth(1).unwrap().split('"').skip(1).step_by(2).collect();
    assert_eq!(words, Kind::ALL.map(Kind::label).into_iter().collect());
}
