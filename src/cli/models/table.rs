//! Models as people read them: a table, or one with all that is known. Reads the JSON that programs get.

use serde_json::Value;

use crate::cli::console::Console;

pub(super) fn text<'a>(model: &'a Value, key: &str) -> &'a str {
    model[key].as_str().unwrap_or("-")
}

pub(super) fn table(models: &[Value], console: &Console) {
    let width = models.iter().map(|model| text(model, "id").chars().count()).max().unwrap_or(0).max(5);
    let heading = ["model", "kind", "price", "context", "free", "limits", "status"];
    let line = |cells: [&str; 7]| {
        let [id, kind, price, context, free, limits, status] = cells;
        format!("{id:width$}  {kind:10}  {price:>13}  {context:>9}  {free:4}  {limits:>19}  {status}")
    };
    console.say(&line(heading));
    for model in models {
        let free = if model["free"] == true { "free" } else { "" };
        let cells = (price(&model["price"]), context(model), limits_cell(model));
        let (id, kind, status) = (text(model, "id"), text(model, "kind"), text(model, "status"));
        console.say(&line([id, kind, &cells.0, &cells.1, free, &cells.2, status]));
    }
    if models.is_empty() {
        console.say("No model is like that; `flowgate models` shows every one.");
    }
}

/// `4.00/6.00` for tokens in and out, else the one thing that is paid for.
fn price(price: &Value) -> String {
    let amount = |key: &str| price[key].as_str();
    let more = if price["long_input"].is_object() || price["off_peak"].is_object() { "*" } else { "" };
    let units = [("image", "/img"), ("video", "/video"), ("thousand_utf8_bytes", "/kB"), ("audio_second", "/s")];
    match (amount("input_per_million"), amount("output_per_million")) {
        (Some(input), Some(output)) => format!("{input}/{output}{more}"),
        (Some(input), None) => format!("{input}{more}"),
        _ => units.iter().find_map(|(key, unit)| Some(format!("{}{unit}", amount(key)?))).unwrap_or("-".to_owned()),
    }
}

fn context(model: &Value) -> String {
    let number = model["context"].as_u64().or(model["max_input"].as_u64()).map(|number| number.to_string());
    number.unwrap_or_else(|| text(model, "context_shown").to_owned())
}

/// `1000/50000`: requests, and tokens or pictures, a minute.
fn limits_cell(model: &Value) -> String {
    let limit = |key: &str| {
        let number = model["limits"][key].as_u64()?;
        let mark = if model["limit_sources"][key] == "interpolated" { "~" } else { "" };
        Some(format!("{mark}{number}"))
    };
    let pictures = || limit("ipm").map(|pictures| format!("{pictures} img"));
    let of_requests = limit("rpm").map(|requests| match limit("tpm") {
        Some(tokens) => format!("{requests}/{tokens}"),
        None => requests,
    });
    of_requests.or_else(pictures).unwrap_or_else(|| "-".to_owned())
}

/// Every part that is known, one to a line.
pub(super) fn rows(model: &Value, indent: &str, console: &Console) {
    for (name, value) in model.as_object().into_iter().flatten().filter(|(name, _)| *name != "id") {
        match value {
            Value::Null => {}
            Value::Object(parts) if parts.is_empty() => {}
            Value::Array(parts) if parts.is_empty() => {}
            Value::Object(_) => {
                console.say(&format!("{indent}{name}:"));
                rows(value, &format!("{indent}  "), console);
            }
            Value::Array(parts) => {
                let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
                console.say(&format!("{indent}{name}: {}", parts.join(", ")));
            }
            Value::String(value) => console.say(&format!("{indent}{name}: {value}")),
            other => console.say(&format!("{indent}{name}: {other}")),
        }
    }
}
