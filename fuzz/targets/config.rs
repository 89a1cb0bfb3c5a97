//! The configuration: any text is read or refused with its faults, and no secret is in the refusal.

use std::collections::HashMap;
use std::path::Path;

use flowgate::config::{self, Environment, Overrides};

const SECRET: &str = "sk-zqxjkvwp";

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let variables = [("SILICONFLOW_API_KEY", SECRET), ("KEY", SECRET), ("HOME", "/nonexistent")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment = Environment::new(HashMap::from(variables), Path::new("")).expect("no file is read");
    if let Err(error) = config::parse(text, None, &Overrides::default(), &environment) {
        let message = error.to_string();
        assert!(!message.is_empty());
        assert!(!message.contains(SECRET) || text.contains(SECRET));
    }
}
