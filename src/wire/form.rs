//! Multipart forms that are held whole: their parts, borrowed from the bytes.

use memchr::memmem::Finder;

/// More parts than any client sends (ours).
const MOST_PARTS: usize = 1024;

/// One part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// The name of the field.
    pub name: String,
    /// Whether it is a file.
    pub is_file: bool,
    /// Its bytes.
    pub content: &'a [u8],
}

/// The parts of the form `body`; `None` where it is none, or does not come to its end.
pub fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let first = format!("--{boundary}");
    let delimiter = format!("\r\n--{boundary}");
    let finder = Finder::new(&delimiter);
    // What stands before the first boundary is for readers who know no forms.
    let mut at = match body.starts_with(first.as_bytes()) {
        true => first.len(),
        false => finder.find(body)? + delimiter.len(),
    };
    let mut parts = Vec::new();
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        // Behind the boundary the line ends, perhaps after blanks.
        let start = memchr::memmem::find(rest, b"\r\n")?;
        let length_of_head = memchr::memmem::find(&rest[start..], b"\r\n\r\n")?;
        let content_start = start + length_of_head + 4;
        let content = &rest[content_start..];
        let length = finder.find(content)?;
        let (name, is_file) = named(std::str::from_utf8(&rest[start..content_start]).ok()?)?;
        parts.push(Part { name, is_file, content: &content[..length] });
        if parts.len() > MOST_PARTS {
            return None;
        }
        at += content_start + length + delimiter.len();
    }
}

/// The field's name in the headers of a part, and whether it is a file.
fn named(head: &str) -> Option<(String, bool)> {
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut dispositions = headers.filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"));
    let (_, value) = dispositions.next()?;
    let mut name = None;
    let mut is_file = false;
    for (key, value) in parameters(value) {
        match key.to_ascii_lowercase().as_str() {
            "name" => name = Some(value),
            "filename" | "filename*" => is_file = true,
            _ => {}
        }
    }
    Some((name?, is_file))
}

/// `; key="value"`, with quotes inside escaped by a backslash or, as browsers do, by percent signs.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => after
                .split_once(';')
                .map_or((after.trim().to_owned(), ""), |(value, next)| (value.trim().to_owned(), next)),
        };
        found.push((key.trim_matches([' ', '\t', ';']).to_owned(), value));
        rest = next;
    }
    found
}

fn unquoted(text: &str) -> (String, &str) {
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, letter) in text.char_indices() {
        match letter {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return (value, text[at + 1..].trim_start().trim_start_matches(';')),
            letter => {
                value.push(letter);
                is_escaped = false;
            }
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(boundary: &str, parts: &[(&str, bool, Vec<u8>)]) -> Vec<u8> {
        let mut form = Vec::new();
        for (name, is_file, content) in parts {
            let file = if *is_file { "; filename=\"a; name=b.png\"" } else { "" };
            form.extend(
                format!(
                    "--{boundary}\r\nContent-Type: x/y\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
                )
                .bytes(),
            );
            form.extend(content);
            form.extend(b"\r\n");
        }
        form.extend(format!("--{boundary}--\r\n").bytes());
        form
    }

    #[test]
    fn parts_with_and_without_files() {
        let body = form(
            "b",
            &[("model", false, b"m".to_vec()), ("image[]", true, b"\r\n--c\r\n\0".to_vec()), ("", false, vec![])],
        );
        let parts = parts(&body, "b").unwrap();
        let seen: Vec<_> = parts.iter().map(|part| (&*part.name, part.is_file, part.content)).collect();
        assert_eq!(seen, [("model", false, &b"m"[..]), ("image[]", true, b"\r\n--c\r\n\0"), ("", false, b"")]);
    }

    #[test]
    fn a_preamble_is_passed_over_and_a_torn_form_is_none() {
        let whole = form("b", &[("a", false, b"x".to_vec())]);
        let with_preamble = [&b"hello\r\n"[..], &whole].concat();
        assert_eq!(parts(&with_preamble, "b").unwrap().len(), 1);
        for cut in 0..whole.len() - 4 {
            assert_eq!(parts(&whole[..cut], "b"), None, "{cut}");
        }
        assert_eq!(parts(b"--b\r\n\r\nno name\r\n--b--", "b"), None);
    }

    #[test]
    fn names_in_quotes_may_have_quotes() {
        let body = b"--b\r\ncontent-disposition: form-data; filename*=UTF-8''x; name=\"a\\\"b\"\r\n\r\n1\r\n--b--";
        let parts = parts(body, "b").unwrap();
        assert_eq!((&*parts[0].name, parts[0].is_file), ("a\"b", true));
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(contents in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..5)) {
            let named: Vec<(&str, bool, Vec<u8>)> = contents.into_iter().map(|(is_file, content)| ("field", is_file, content)).collect();
            prop_assume!(named.iter().all(|(_, _, content)| memchr::memmem::find(content, b"--a-boundary").is_none()));
            let body = form("a-boundary", &named);
            let parts = parts(&body, "a-boundary").unwrap();
            prop_assert_eq!(parts.len(), named.len());
            for (part, (_, is_file, content)) in parts.iter().zip(&named) {
                prop_assert_eq!((part.is_file, part.content), (*is_file, &content[..]));
            }
        }

        #[test]
        fn any_bytes_are_a_form_or_none(body: Vec<u8>, more in "(--b|\r\n|content-disposition: form-data; name=\"x\"|x|\")*") {
            let _never_panics = (parts(&body, "b"), parts(more.as_bytes(), "b"));
        }
    }
}
