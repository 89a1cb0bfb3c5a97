//! The difference of two texts, line by line, for people: two lines around each change, secrets masked.

/// Lines shown around a change (ours).
const AROUND: usize = 2;
/// Texts with more lines than this in their middles are shown as all old, all new: comparing them would take too much memory (ours).
const MOST_LINES: usize = 2_000;

/// One line of both texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Both(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// The lines to show: ` ` in both, `-` old, `+` new, `…` left out. New lines are masked too unless they `are_ours`.
pub(super) fn lines(old: &str, new: &str, are_ours: bool) -> Vec<String> {
    let all = compared(&old.lines().collect::<Vec<_>>(), &new.lines().collect::<Vec<_>>());
    let is_change = |place: usize| !matches!(all.get(place), None | Some(Line::Both(_)));
    let is_near = |place: usize| (place.saturating_sub(AROUND)..=place + AROUND).any(is_change);
    let mut shown = Vec::new();
    let mut is_cut = false;
    for (place, line) in all.iter().enumerate() {
        if !is_near(place) {
            is_cut = true;
            continue;
        }
        if std::mem::take(&mut is_cut) {
            shown.push("  …".to_owned());
        }
        shown.push(match line {
            Line::Both(text) => format!("    {}", masked(text)),
            Line::Old(text) => format!("  - {}", masked(text)),
            Line::New(text) if are_ours => format!("  + {text}"),
            Line::New(text) => format!("  + {}", masked(text)),
        });
    }
    shown
}

/// The longest common subsequence, between what both texts begin and end with.
fn compared<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old_middle, _) = old_rest.split_at(old_rest.len() - tail);
    let (new_middle, end) = new_rest.split_at(new_rest.len() - tail);
    let both = |lines: &[&'a str]| lines.iter().map(|line| Line::Both(line)).collect::<Vec<_>>();
    let mut all = both(old.get(..head).unwrap_or_default());
    all.extend(middle(old_middle, new_middle));
    all.extend(both(end));
    all
}

fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    if old.len() > MOST_LINES || new.len() > MOST_LINES {
        return old.iter().map(|line| Line::Old(line)).chain(new.iter().map(|line| Line::New(line))).collect();
    }
    let lengths = lengths(old, new);
    let length = |i: usize, j: usize| lengths.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default();
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(one), Some(other)) if one == other => {
                all.push(Line::Both(one));
                (i, j) = (i + 1, j + 1);
            }
            (Some(one), other) if other.is_none() || length(i + 1, j) >= length(i, j + 1) => {
                all.push(Line::Old(one));
                i += 1;
            }
            (_, Some(other)) => {
                all.push(Line::New(other));
                j += 1;
            }
            _ => return all,
        }
    }
}

/// How many lines the rests from `i` and `j` on have in common.
fn lengths(old: &[&str], new: &[&str]) -> Vec<Vec<u32>> {
    let mut table = vec![vec![0; new.len() + 1]; old.len() + 1];
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            table[i][j] = if one == other { table[i + 1][j + 1] + 1 } else { table[i + 1][j].max(table[i][j + 1]) };
        }
    }
    table
}

/// The line without the value of what is called a key, a token, a secret or a password: it may be another service's.
fn masked(line: &str) -> String {
    let Some(place) = line.find([':', '=']) else { return line.to_owned() };
    let (name, value) = line.split_at(place);
    let lower = name.to_lowercase();
    let is_secret = ["key", "token", "secret", "password"].iter().any(|word| lower.contains(word));
    let is_opened = value[1..].trim_start().starts_with(['{', '[']) || value[1..].trim().is_empty();
    if is_secret && !is_opened { format!("{name}{} …", &value[..1]) } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_near_a_change_is_shown() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\nten\n";
        let shown = lines(old, new, true);
        assert_eq!(
            shown,
            ["  …", "    3", "    4", "  - 5", "  + five", "    6", "    7", "    8", "    9", "  + ten"]
        );
        assert_eq!(lines("", "a\nb\n", true), ["  + a", "  + b"]);
        assert_eq!(lines("a\nb\n", "a\nb\n", true), Vec::<String>::new());
    }

    #[test]
    fn other_peoples_secrets_are_not_shown() {
        let old = "{\n  \"ANTHROPIC_AUTH_TOKEN\": \"sk-1\",\n  \"apiKey\" : \"sk-2\",\n  \"keys\": {\n";
        let shown = lines(old, "{\n", true).join("\n");
        assert!(
            !shown.contains("sk-") && shown.contains("\"ANTHROPIC_AUTH_TOKEN\": …") && shown.contains("\"keys\": {")
        );
        let token = "experimental_bearer_token = \"sk-1\"\n";
        assert!(
            !lines(token, "", true).join("").contains("sk-1") && !lines("", token, false).join("").contains("sk-1")
        );
    }

    proptest! {
        /// Leaving out the new lines gives the old text, leaving out the old ones the new text.
        #[test]
        fn both_texts_are_in_it(old in proptest::collection::vec("[ab]", 0..9), new in proptest::collection::vec("[ab]", 0..9)) {
            let (old, new): (Vec<&str>, Vec<&str>) = (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
            let all = compared(&old, &new);
            let of = |is_left_out: fn(&Line<'_>) -> bool| -> Vec<&str> {
                all.iter().filter(|line| !is_left_out(line)).map(|line| match line {
                    Line::Both(text) | Line::Old(text) | Line::New(text) => *text,
                }).collect()
            };
            prop_assert_eq!(of(|line| matches!(line, Line::New(_))), old);
            prop_assert_eq!(of(|line| matches!(line, Line::Old(_))), new);
        }
    }
}
