//! A JSON value that fits a JSON schema, as far as sensible: `$ref`, `anyOf`/`oneOf`/`allOf`, `const`, `enum`,
//! `type`, `properties`, `items`, bounds and the common formats. Strings reflect the prompt.

use super::prose::short;
use serde_json::{Map, Value, json};

/// Nesting after which only null, empty lists and required properties are given, so that recursion ends (ours).
const DEEP: usize = 8;

/// An object for `json_object`, where no schema says which.
pub(super) fn free_object(asked: &str) -> Value {
    json!({"answer": short(asked, 80), "ok": true})
}

/// A value for `schema`; `hint` goes into free strings.
pub(super) fn example(schema: &Value, hint: &str) -> Value {
    Walker { root: schema, hint }.value(schema, "", 0)
}

struct Walker<'a> {
    root: &'a Value,
    hint: &'a str,
}

impl Walker<'_> {
    fn value(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > 4 * DEEP {
            return Value::Null;
        }
        if let Some(target) = schema["$ref"].as_str().and_then(|path| self.root.pointer(path.trim_start_matches('#'))) {
            return self.value(target, name, depth + 1);
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
            return first.clone();
        }
        match ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema[*word].as_array()) {
            Some(options) => self.option(options, name, depth),
            None => self.typed(schema, name, depth),
        }
    }

    /// The first option that is not null; deep down the null one, if there is one.
    fn option(&self, options: &[Value], name: &str, depth: usize) -> Value {
        let is_null = |option: &&Value| option["type"] == "null";
        if depth > DEEP && options.iter().any(|option| is_null(&option)) {
            return Value::Null;
        }
        let option = options.iter().find(|option| !is_null(option)).or_else(|| options.first());
        option.map_or(Value::Null, |option| self.value(option, name, depth + 1))
    }

    fn typed(&self, schema: &Value, name: &str, depth: usize) -> Value {
        match type_of(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "integer" => json!(whole_number(schema)),
            "number" => json!(schema["minimum"].as_f64().unwrap_or(1.5)),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(self.text(schema, name)),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let required =
            |name: &String| schema["required"].as_array().is_some_and(|all| all.iter().any(|own| own == name));
        let properties = schema["properties"].as_object().into_iter().flatten();
        let given = properties.filter(|(name, _)| depth <= DEEP || required(name));
        given.map(|(name, own)| (name.clone(), self.value(own, name, depth + 1))).collect::<Map<_, _>>().into()
    }

    fn array(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if let Some(places) = schema["prefixItems"].as_array() {
            return places.iter().map(|place| self.value(place, name, depth + 1)).collect();
        }
        let least = schema["minItems"].as_u64().unwrap_or(0).min(100);
        let count =
            if depth > DEEP { least } else { least.max(1).min(schema["maxItems"].as_u64().unwrap_or(u64::MAX)) };
        (0..count).map(|_| self.value(&schema["items"], name, depth + 1)).collect()
    }

    fn text(&self, schema: &Value, name: &str) -> String {
        let text = match schema["format"].as_str() {
            Some("date") => "2026-11-21".to_owned(),
            Some("date-time") => "2026-11-21T12:00:00Z".to_owned(),
            Some("time") => "12:00:00Z".to_owned(),
            Some("email") => "someone@example.com".to_owned(),
            Some("uri" | "url") => "https://example.com/".to_owned(),
            Some("uuid") => "00000000-0000-4000-8000-000000000000".to_owned(),
            _ if self.hint.is_empty() => name.to_owned(),
            _ => short(self.hint, 80).to_owned(),
        };
        sized(text, schema)
    }
}

fn type_of(schema: &Value) -> &str {
    let named = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        other => other.as_str(),
    };
    named.unwrap_or(if schema["properties"].is_object() { "object" } else { "string" })
}

fn whole_number(schema: &Value) -> i64 {
    let least = schema["minimum"].as_i64().or_else(|| schema["exclusiveMinimum"].as_i64().map(|bound| bound + 1));
    let most = schema["maximum"].as_i64().or_else(|| schema["exclusiveMaximum"].as_i64().map(|bound| bound - 1));
    least.unwrap_or(1).min(most.unwrap_or(i64::MAX))
}

fn sized(mut text: String, schema: &Value) -> String {
    let bound = |name: &str| schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok());
    while text.chars().count() < bound("minLength").unwrap_or(0).min(10_000) {
        text.push('x');
    }
    match bound("maxLength") {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}
