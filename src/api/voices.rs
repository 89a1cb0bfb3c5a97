//! The list of voices: SiliconFlow shows those that the account has uploaded, never its presets (siliconflow-api.md,
//! section 10). Those of the models that the key may use are put behind them, marked as what they are.

use bytes::Bytes;
use serde_json::{Value, json};

use super::exchange::Exchange;
use crate::catalog::model::Kind;
use crate::catalog::voices;

/// The preset voices that the caller may use.
pub(super) fn presets(exchange: &Exchange) -> Vec<Value> {
    let models = exchange.snapshot.catalogue.models().iter();
    let speaks = |id: &str, kind| kind == Kind::Tts && exchange.tenant.may_use(id);
    let models = models.filter(|model| model.status.is_served() && speaks(&model.id, model.kind));
    models.flat_map(|model| voices::presets(&model.id).map(|(name, uri)| entry(&model.id, name, &uri))).collect()
}

fn entry(model: &str, name: &str, uri: &str) -> Value {
    json!({"model": model, "customName": name, "text": "", "uri": uri, "preset": true})
}

/// `list` with `presets` in it, under whichever of its two names it has. `None` where it is no list.
pub(super) fn with(list: &[u8], presets: Vec<Value>) -> Option<Bytes> {
    let mut list: Value = serde_json::from_slice(list).ok()?;
    let name = if list["result"].is_array() && !list["results"].is_array() { "result" } else { "results" };
    let fields = list.as_object_mut()?;
    let shown = fields.entry(name).or_insert_with(|| json!([]));
    if shown.is_null() {
        *shown = json!([]);
    }
    shown.as_array_mut()?.extend(presets);
    Some(list.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_stand_behind_what_there_is() {
        for (list, name, count) in [
            (r#"{"results":[{"uri":"speech:x"}]}"#, "results", 2),
            (r#"{"result":[{"uri":"speech:x"}],"more":1}"#, "result", 2),
            (r#"{"results":null}"#, "results", 1),
            ("{}", "results", 1),
        ] {
            let out = with(list.as_bytes(), vec![entry("m", "anna", "m:anna")]).unwrap();
            let out: Value = serde_json::from_slice(&out).unwrap();
            let shown = out[name].as_array().unwrap();
            assert_eq!((shown.len(), &shown[count - 1]["preset"]), (count, &json!(true)), "{list}");
        }
        assert_eq!(with(b"[]", Vec::new()), None);
    }
}
