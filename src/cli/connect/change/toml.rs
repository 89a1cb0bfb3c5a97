//! Values of a TOML file: what is not named stays as it is, comments and order too.

use super::setting::{Setting, Value};
use toml_edit::{DocumentMut, Item, Table, TableLike, TomlError};

/// `text` with the settings in it.
///
/// # Errors
/// Why the text cannot be changed.
pub(in crate::cli::connect) fn changed(text: &str, settings: &[Setting]) -> Result<String, String> {
    // The line alone: the error as a whole shows a part of the file, on lines of its own.
    let parsed: Result<DocumentMut, TomlError> = text.parse();
    let mut document = parsed.map_err(|error| format!("it is no TOML: {}", error.message()))?;
    for setting in settings {
        let (around, own) = setting.split();
        let is_wanted = matches!(setting.value, Value::Text(_) | Value::Number(_));
        if let Some(table) = table(document.as_table_mut(), around, is_wanted)
            .map_err(|name| format!("`{name}` in it is no table, and {} belongs there", setting.name()))?
        {
            set(table, own, &setting.value);
        }
    }
    Ok(document.to_string())
}

/// The table at `around`, made where it is not there and `is_wanted`. Fails with the name of what is no table.
fn table<'a>(
    root: &'a mut dyn TableLike,
    around: &[String],
    is_wanted: bool,
) -> Result<Option<&'a mut dyn TableLike>, String> {
    let mut table = root;
    for (depth, name) in around.iter().enumerate() {
        if !table.contains_key(name) {
            if !is_wanted {
                return Ok(None);
            }
            let mut made = Table::new();
            // `[a.b]` alone, without an empty `[a]` above it.
            made.set_implicit(depth + 1 < around.len());
            table.insert(name, Item::Table(made));
        }
        table = table.get_mut(name).and_then(Item::as_table_like_mut).ok_or_else(|| name.clone())?;
    }
    Ok(Some(table))
}

fn set(table: &mut dyn TableLike, name: &str, value: &Value) {
    let wanted: toml_edit::Value = match value {
        Value::Text(text) => text.as_str().into(),
        Value::Number(number) => i64::try_from(*number).unwrap_or(i64::MAX).into(),
        Value::Gone => return drop(table.remove(name)),
    };
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) if is_same(old, &wanted) => {}
        Some(old) => {
            // The comment behind a value is about the line, not about the value.
            let decor = old.decor().clone();
            *old = wanted;
            *old.decor_mut() = decor;
        }
        None => drop(table.insert(name, Item::Value(wanted))),
    }
}

fn is_same(one: &toml_edit::Value, other: &toml_edit::Value) -> bool {
    (one.as_str().is_some() && one.as_str() == other.as_str())
        || (one.as_integer().is_some() && one.as_integer() == other.as_integer())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Vec<Setting> {
        vec![
            Setting::text(&["model"], "new"),
            Setting::new(&["window"], Value::Number(7)),
            Setting::text(&["providers", "flowgate", "url"], "http://h"),
            Setting::new(&["providers", "flowgate", "key"], Value::Gone),
            Setting::new(&["other", "key"], Value::Gone),
        ]
    }

    #[test]
    fn an_empty_file_becomes_what_is_wanted() {
        let text = changed("", &settings()).unwrap();
        assert_eq!(text, "model = \"new\"\nwindow = 7\n\n[providers.flowgate]\nurl = \"http://h\"\n");
        assert_eq!(changed(&text, &settings()).unwrap(), text);
    }

    #[test]
    fn comments_order_and_strangers_stay() {
        let old = "# mine\nmodel = 'old' # why\n\n[tui] # t\ncolour = \"red\"\n\n[providers.other]\nurl = \"x\"\n\n[providers.flowgate]\nkey = \"K\"\nmore = 1\n";
        let new = changed(old, &settings()).unwrap();
        assert_eq!(
            new,
            "# mine\nmodel = \"new\" # why\nwindow = 7\n\n[tui] # t\ncolour = \"red\"\n\n[providers.other]\nurl = \"x\"\n\n[providers.flowgate]\nmore = 1\nurl = \"http://h\"\n"
        );
        assert_eq!(changed(&new, &settings()).unwrap(), new);
    }

    #[test]
    fn inline_tables_are_tables() {
        let new = changed("providers = { flowgate = { key = 1 } }\n", &settings()).unwrap();
        assert!(new.contains("flowgate = { url = \"http://h\" }") && new.parse::<toml::Table>().is_ok(), "{new}");
    }

    #[test]
    fn what_is_no_toml_or_no_table_is_refused() {
        assert!(changed("model = ", &settings()).is_err_and(|error| error.contains("no TOML")));
        assert!(changed("providers = 3", &settings()).is_err_and(|error| error.contains("`providers`")));
    }
}
