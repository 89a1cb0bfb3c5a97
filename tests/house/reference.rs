//! `docs/configuration.md` is made of `config/flowgate.toml`, whose settings and defaults other tests hold equal to the code's.

use super::source::{root, text};

const HEAD: &str = "# Configuration

Every setting, by section. This page is made of [config/flowgate.toml](../config/flowgate.toml), which says how to write durations, sizes and
secrets, where the file is looked for, and when it is read again. What is marked *restart* is taken over at the next start only; everything else
while the gateway runs. *e.g.* stands before an example: of a setting that has no default, or of one in a section that may be there several
times.
";

/// A setting, or several that one comment explains.
#[derive(Default)]
struct Entry {
    names: Vec<String>,
    values: Vec<String>,
    is_example: bool,
    text: String,
}

impl Entry {
    fn row(&self) -> String {
        let text = self.text.trim();
        let (text, restart) = match text.strip_suffix("Restart.") {
            Some(text) => (text.trim_end(), "restart"),
            None => (text, ""),
        };
        let quoted = |words: &[String]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join("<br>");
        let default = if self.is_example { format!("*e.g.* {}", quoted(&self.values)) } else { quoted(&self.values) };
        format!("| {} | {default} | {restart} | {} |\n", quoted(&self.names), text.replace('|', "\\|"))
    }
}

/// The page, in the order of the example.
fn page(example: &str) -> String {
    let mut page = HEAD.to_owned();
    let (mut entry, mut comment) = (Entry::default(), String::new());
    // What stands before the first section says how to write the file.
    let (_, sections) = example.split_once("\n[").unwrap();
    for line in format!("[{sections}").lines() {
        let code = line.strip_prefix("#:").or_else(|| line.strip_prefix('#').filter(|code| !code.starts_with(' ')));
        match (line, code.unwrap_or(line)) {
            (_, header) if header.starts_with('[') => {
                flush(&mut page, &mut entry);
                page.push_str(&format!("\n## `{header}`\n\n"));
                if !comment.is_empty() {
                    page.push_str(&format!("{}\n\n", std::mem::take(&mut comment).trim()));
                }
                page.push_str("| setting | default | | what it is |\n| --- | --- | --- | --- |\n");
            }
            ("", _) => flush(&mut page, &mut entry),
            (_, setting) if code.is_some_and(|code| !code.is_empty()) => {
                if !comment.is_empty() {
                    flush(&mut page, &mut entry);
                }
                let (name, value) = setting.split_once(" = ").unwrap();
                entry.names.push(name.to_owned());
                entry.values.push(value.to_owned());
                entry.is_example = line.starts_with("#:");
                if !comment.is_empty() {
                    entry.text = std::mem::take(&mut comment);
                }
            }
            _ => comment.push_str(&format!("{} ", line.trim_start_matches('#').trim())),
        }
    }
    flush(&mut page, &mut entry);
    assert_eq!(comment.trim(), "", "a comment that explains nothing");
    page
}

fn flush(page: &mut String, entry: &mut Entry) {
    if !entry.names.is_empty() {
        page.push_str(&std::mem::take(entry).row());
    }
}

#[test]
fn the_reference_is_what_the_example_says() {
    let page = page(&text("config/flowgate.toml"));
    assert!(page.matches("\n| `").count() > 60, "has the example changed its shape?");
    if text("docs/configuration.md") != page {
        let made = root().join("target/configuration.md");
        std::fs::write(&made, &page).unwrap();
        panic!(
            "docs/configuration.md is not what config/flowgate.toml says: cp {} docs/configuration.md",
            "target/configuration.md"
        );
    }
}
