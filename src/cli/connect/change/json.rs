//! Members of a JSON file: spliced in, so that every other byte, the order and the indentation stay as they are.

use super::setting::{Setting, Value};
use crate::wire::json::{Member, Object, quote, string};

/// Two spaces, where nothing shows what the file has.
const INDENTATION: &str = "  ";

/// `text` with the settings in it.
///
/// # Errors
/// Why the text cannot be changed.
pub(in crate::cli::connect) fn changed(text: &str, settings: &[Setting]) -> Result<String, String> {
    let mut new = if text.trim().is_empty() { "{}\n".to_owned() } else { text.to_owned() };
    for setting in settings {
        new = with(&new, setting)?;
    }
    Ok(new)
}

fn with(text: &str, setting: &Setting) -> Result<String, String> {
    let mut object = parse(text, text.trim())?;
    let mut whole = text.trim();
    for (depth, name) in setting.path.iter().enumerate() {
        let is_last = depth + 1 == setting.path.len();
        let Some(member) = object.get(name) else {
            let Some(value) = written(&setting.value) else { return Ok(text.to_owned()) };
            return Ok(inserted(text, whole, &object, setting, depth, &value));
        };
        if is_last {
            return Ok(replaced(text, &object, member, &setting.value));
        }
        if !member.value.starts_with('{') {
            return Err(format!("`{name}` in it is no object, and {} belongs there", setting.name()));
        }
        whole = member.value;
        object = parse(text, whole)?;
    }
    Ok(text.to_owned())
}

fn parse<'a>(text: &'a str, part: &'a str) -> Result<Object<'a>, String> {
    let object = Object::parse_within(text, part).map_err(|error| format!("it is no JSON object: {error}"))?;
    match object.duplicate() {
        Some(name) => Err(format!("`{name}` stands twice in it")),
        None => Ok(object),
    }
}

fn written(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(quote(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Gone => None,
    }
}

fn replaced(text: &str, object: &Object<'_>, member: &Member<'_>, value: &Value) -> String {
    let mut new = text.to_owned();
    match written(value) {
        Some(wanted) if is_same(member.value, &wanted) => {}
        Some(wanted) => new.replace_range(member.span.clone(), &wanted),
        None => {
            let place = object.position(&member.key).unwrap_or_default();
            object.removals(&[place]).into_iter().rev().for_each(|range| new.replace_range(range, ""));
        }
    }
    new
}

/// Whether two values are the same text, however it is escaped, or the same number.
fn is_same(one: &str, other: &str) -> bool {
    one == other || (string(one).is_some() && string(one) == string(other))
}

/// Puts the member at `depth` of the path, with the objects below it, behind the last one of `object`, which is `whole`.
fn inserted(text: &str, whole: &str, object: &Object<'_>, setting: &Setting, depth: usize, value: &str) -> String {
    let mut new = text.to_owned();
    let unit = indentation(text);
    let (names, outer) = (setting.path.get(depth..).unwrap_or_default(), unit.repeat(depth));
    let inner = format!("{outer}{unit}");
    let Some(last) = object.members().last() else {
        let member = nested(names, value, &inner, &unit);
        let range = crate::wire::json::span(text, whole);
        new.replace_range(range, &format!("{{\n{inner}{member}\n{outer}}}"));
        return new;
    };
    let is_one_line = !whole.contains('\n');
    let member = if is_one_line { on_one_line(names, value) } else { nested(names, value, &inner, &unit) };
    let between = if is_one_line { " ".to_owned() } else { format!("\n{inner}") };
    new.insert_str(last.span.end, &format!(",{between}{member}"));
    new
}

/// `"a": {"b": value}`.
fn on_one_line(names: &[String], value: &str) -> String {
    let opened: Vec<String> = names.iter().map(|name| quote(name)).collect();
    format!("{}: {value}{}", opened.join(": {"), "}".repeat(names.len().saturating_sub(1)))
}

/// The same with a line for each.
fn nested(names: &[String], value: &str, indented: &str, unit: &str) -> String {
    match names {
        [] => value.to_owned(),
        [name] => format!("{}: {value}", quote(name)),
        [name, rest @ ..] => {
            let deeper = format!("{indented}{unit}");
            format!("{}: {{\n{deeper}{}\n{indented}}}", quote(name), nested(rest, value, &deeper, unit))
        }
    }
}

/// What the first line within the file's object begins with.
fn indentation(text: &str) -> String {
    let second = text.trim_start().strip_prefix('{').and_then(|rest| rest.split_once('\n')).map(|(_, rest)| rest);
    let line = second.and_then(|rest| rest.lines().find(|line| !line.trim().is_empty())).unwrap_or_default();
    let blanks = &line[..line.len() - line.trim_start().len()];
    if blanks.is_empty() { INDENTATION.to_owned() } else { blanks.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn settings() -> Vec<Setting> {
        vec![
            Setting::text(&["env", "URL"], "http://h"),
            Setting::new(&["env", "WINDOW"], Value::Number(7)),
            Setting::new(&["env", "TOKEN"], Value::Gone),
            Setting::text(&["model"], "new"),
            Setting::new(&["no", "where"], Value::Gone),
        ]
    }

    #[test]
    fn an_empty_file_becomes_what_is_wanted() {
        let wanted = "{\n  \"env\": {\n    \"URL\": \"http://h\",\n    \"WINDOW\": 7\n  },\n  \"model\": \"new\"\n}\n";
        for empty in ["", " \n", "{}\n"] {
            assert_eq!(changed(empty, &settings()).unwrap(), wanted);
        }
        assert_eq!(changed(wanted, &settings()).unwrap(), wanted);
    }

    #[test]
    fn order_and_indentation_and_strangers_stay() {
        let old = "{\n\t\"z\": 1.0,\n\t\"env\": {\n\t\t\"A\": \"\\u0041\",\n\t\t\"TOKEN\": \"x\"\n\t},\n\t\"a\": [ 1,2 ]\n}\n";
        let new = changed(old, &settings()).unwrap();
        assert_eq!(
            new,
            "{\n\t\"z\": 1.0,\n\t\"env\": {\n\t\t\"A\": \"\\u0041\",\n\t\t\"URL\": \"http://h\",\n\t\t\"WINDOW\": 7\n\t},\n\t\"a\": [ 1,2 ],\n\t\"model\": \"new\"\n}\n"
        );
        assert_eq!(changed(&new, &settings()).unwrap(), new);
    }

    #[test]
    fn one_line_stays_one() {
        assert_eq!(
            changed("{\"env\": {\"A\": 1}, \"model\": \"old\"}", &settings()).unwrap(),
            "{\"env\": {\"A\": 1, \"URL\": \"http://h\", \"WINDOW\": 7}, \"model\": \"new\"}"
        );
        assert_eq!(
            changed("{\"model\": \"n\\u0065w\"}", &settings()[..1]).unwrap(),
            "{\"model\": \"n\\u0065w\", \"env\": {\"URL\": \"http://h\"}}"
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for (text, says) in [
            ("[]", "no JSON object"),
            ("{\"a\": 1,}", "no JSON object"),
            ("// c\n{}", "no JSON object"),
            ("{\"env\": []}", "`env`"),
            ("{\"a\": 1, \"a\": 2}", "twice"),
        ] {
            assert!(changed(text, &settings()).is_err_and(|error| error.contains(says)), "{text}");
        }
    }

    proptest! {
        /// Whatever the file is, it becomes the same object with the settings in it, and a second change changes nothing.
        #[test]
        fn it_means_the_same_but_for_the_settings(
            members in proptest::collection::btree_map("[a-c]|model|é\"", "[a-z\"\\\\]{0,3}", 0..4),
            env in proptest::option::of(proptest::collection::btree_map("[A-C]|URL|TOKEN", 0_u32..9, 0..4)),
            is_pretty: bool,
        ) {
            let mut object = json!(members);
            if let Some(env) = &env {
                object["env"] = json!(env);
            }
            let old = if is_pretty { serde_json::to_string_pretty(&object).unwrap() } else { object.to_string() };
            let new = changed(&old, &settings()).unwrap();
            let mut wanted = object;
            wanted["model"] = json!("new");
            wanted["env"]["URL"] = json!("http://h");
            wanted["env"]["WINDOW"] = json!(7);
            wanted["env"].as_object_mut().unwrap().remove("TOKEN");
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&new).unwrap(), wanted);
            prop_assert_eq!(changed(&new, &settings()).unwrap(), new);
        }
    }
}
