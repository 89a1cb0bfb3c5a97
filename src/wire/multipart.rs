//! Multipart forms on the way through: the bytes pass as they come, the values of a few small text
//! fields can be read, replaced or left out.
//!
//! Nothing but such a value and the beginning of a possible boundary is ever held, so a form with a
//! large file costs no memory. A malformed form passes unchanged: the upstream judges it.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

/// Headers of one part beyond this are no form that a client sends (bytes; ours).
const MAX_PART_HEAD: usize = 16 * 1024;
/// A field value beyond this is no name (bytes; ours).
const MAX_VALUE: usize = 1024;

/// The boundary named in a `content-type: multipart/form-data` header.
pub fn boundary(content_type: &str) -> Option<String> {
    multer::parse_boundary(content_type).ok()
}

/// What happens to a text field that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its value is seen, and may be replaced; one of more than a KiB passes unseen.
    Through,
    /// It is left out, and the first KiB of its value is seen. `name[]` and `name[x]` are left out with `name`.
    Out,
}

/// Is told of each watched field's name and value when it is whole. `Some` replaces the value of one that goes through.
pub type Decide<'a, E> = &'a mut dyn FnMut(&'static str, &str) -> Result<Option<String>, E>;

/// A form on its way through.
#[derive(Debug)]
pub struct FormTap {
    delimiter: Finder<'static>,
    fields: &'static [(&'static str, Way)],
    held: BytesMut,
    /// The value of a field that is left out, as far as it has come.
    taken: Vec<u8>,
    state: State,
    /// Bytes at the front that are ours (the line end that makes the first boundary like the rest).
    primed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Content,
    PartHead,
    /// The value of the field with this index.
    Value(usize),
    /// The same of one that is left out.
    Taken(usize),
    Rest,
}

impl FormTap {
    /// Watches a form with this `boundary` for these text fields.
    pub fn new(boundary: &str, fields: &'static [(&'static str, Way)]) -> Self {
        let delimiter = Finder::new(&format!("\r\n--{boundary}")).into_owned();
        let held = BytesMut::from(&b"\r\n"[..]);
        Self { delimiter, fields, held, taken: Vec::new(), state: State::Content, primed: 2 }
    }

    /// Takes a piece of the form and returns what can go on. When the value of a field is whole,
    /// `decide` is asked once.
    ///
    /// # Errors
    /// Whatever `decide` returns; the form must not be sent on then.
    pub fn push<E>(&mut self, piece: &[u8], decide: Decide<'_, E>) -> Result<Bytes, E> {
        self.held.extend_from_slice(piece);
        let mut out = BytesMut::with_capacity(self.held.len());
        while self.step(&mut out, decide)? {}
        Ok(self.without_primer(out))
    }

    /// What is still held when the form has ended.
    pub fn finish(&mut self) -> Bytes {
        let held = self.held.split();
        let was_left_out = matches!(self.state, State::Taken(_));
        self.state = State::Rest;
        if was_left_out { Bytes::new() } else { self.without_primer(held) }
    }

    fn without_primer(&mut self, mut out: BytesMut) -> Bytes {
        let primer = self.primed.min(out.len());
        self.primed -= primer;
        out.split_off(primer).freeze()
    }

    /// One step; whether another may follow with the bytes held.
    fn step<E>(&mut self, out: &mut BytesMut, decide: Decide<'_, E>) -> Result<bool, E> {
        match self.state {
            State::Content => Ok(self.content(out)),
            State::PartHead => Ok(self.part_head(out)),
            State::Value(field) => self.value(field, out, decide),
            State::Taken(field) => self.take(field, decide),
            State::Rest => {
                out.unsplit(self.held.split());
                Ok(false)
            }
        }
    }

    fn content(&mut self, out: &mut BytesMut) -> bool {
        let length = self.delimiter.needle().len();
        let found = self.delimiter.find(&self.held);
        let pass = found.map_or(self.held.len().saturating_sub(length - 1), |at| at + length);
        out.extend_from_slice(&self.held.split_to(pass));
        if found.is_some() {
            self.state = State::PartHead;
        }
        found.is_some()
    }

    fn part_head(&mut self, out: &mut BytesMut) -> bool {
        let end = memchr::memmem::find(&self.held[..self.held.len().min(MAX_PART_HEAD)], b"\r\n\r\n");
        if self.held.starts_with(b"--") || (end.is_none() && self.held.len() >= MAX_PART_HEAD) {
            self.state = State::Rest;
            return true;
        }
        let Some(end) = end else { return false };
        let head = self.held.split_to(end + 4);
        self.state = match self.watched(&head) {
            Some((field, Way::Out)) => {
                self.taken.clear();
                State::Taken(field)
            }
            Some((field, Way::Through)) => State::Value(field),
            None => State::Content,
        };
        if !matches!(self.state, State::Taken(_)) {
            out.extend_from_slice(&head);
        }
        true
    }

    /// The watched field that a part's headers name (a part with a file name is a file).
    fn watched(&self, head: &[u8]) -> Option<(usize, Way)> {
        let head = std::str::from_utf8(head).ok()?;
        let names = |(name, way): &(&str, Way)| names_field(head, name, *way == Way::Out);
        let field = self.fields.iter().position(names)?;
        Some((field, self.fields[field].1))
    }

    /// A part that is left out, with the delimiter behind it: the one before it has passed already.
    fn take<E>(&mut self, field: usize, decide: Decide<'_, E>) -> Result<bool, E> {
        let length = self.delimiter.needle().len();
        let found = self.delimiter.find(&self.held);
        let end = found.unwrap_or_else(|| self.held.len().saturating_sub(length - 1));
        let value = self.held.split_to(end);
        let room = MAX_VALUE.saturating_sub(self.taken.len());
        self.taken.extend_from_slice(&value[..value.len().min(room)]);
        if found.is_none() {
            return Ok(false);
        }
        let _delimiter = self.held.split_to(length);
        self.state = State::PartHead;
        decide(self.fields[field].0, &String::from_utf8_lossy(&self.taken))?;
        Ok(true)
    }

    fn value<E>(&mut self, field: usize, out: &mut BytesMut, decide: Decide<'_, E>) -> Result<bool, E> {
        // However the form was cut, a value is seen if it ends within the limit and not otherwise.
        let most = MAX_VALUE + self.delimiter.needle().len();
        let Some(end) = self.delimiter.find(&self.held[..self.held.len().min(most)]) else {
            let is_too_long = self.held.len() >= most;
            if is_too_long {
                self.state = State::Content;
            }
            return Ok(is_too_long);
        };
        self.state = State::Content;
        let replacement = match std::str::from_utf8(&self.held[..end]) {
            Ok(value) => decide(self.fields[field].0, value)?,
            Err(_) => None,
        };
        if let Some(replacement) = replacement {
            out.extend_from_slice(replacement.as_bytes());
            let _old = self.held.split_to(end);
        }
        Ok(true)
    }
}

/// Whether a part's headers name the text field `field`; with `is_any`, one of its elements too.
fn names_field(head: &str, field: &str, is_any: bool) -> bool {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
        .any(|(_, value)| disposition_names(value, field, is_any))
}

fn disposition_names(value: &str, field: &str, is_any: bool) -> bool {
    let parameter = |wanted: &str| {
        value.split(';').skip(1).filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let name = parameter("name").filter(|_| parameter("filename").is_none());
    name.is_some_and(|name| match name.split_once('[') {
        Some((name, _)) if is_any => name == field,
        _ => name == field,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const FORM: &str = "--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\
        Content-Type: audio/wav\r\n\r\nRIFF\r\n--b\r\n--b1\r\n\r\n--b0\r\n\
        content-disposition: form-data; name=\"model\"\r\n\r\nmy-alias\r\n--b0--\r\nepilogue";

    const MODEL: &[(&str, Way)] = &[("model", Way::Through)];

    fn run(pieces: &[&[u8]], replacement: Option<&str>) -> (String, Vec<String>) {
        run_with(MODEL, pieces, replacement)
    }

    fn run_with(
        fields: &'static [(&'static str, Way)],
        pieces: &[&[u8]],
        replacement: Option<&str>,
    ) -> (String, Vec<String>) {
        let mut tap = FormTap::new("b0", fields);
        let (mut out, mut seen) = (Vec::new(), Vec::new());
        for piece in pieces {
            let passed = tap
                .push::<Infallible>(piece, &mut |_, value| {
                    seen.push(value.to_owned());
                    Ok(replacement.map(str::to_owned))
                })
                .unwrap();
            out.extend_from_slice(&passed);
        }
        out.extend_from_slice(&tap.finish());
        (String::from_utf8(out).unwrap(), seen)
    }

    #[test]
    fn any_split_passes_the_form_and_sees_the_model_once() {
        for cut in 0..=FORM.len() {
            let (left, right) = FORM.as_bytes().split_at(cut);
            assert_eq!(run(&[left, right], None), (FORM.to_owned(), vec!["my-alias".to_owned()]), "cut {cut}");
        }
        let bytes: Vec<&[u8]> = FORM.as_bytes().chunks(1).collect();
        let (out, _) = run(&bytes, Some("Qwen/Long-Name"));
        assert_eq!(out, FORM.replace("my-alias", "Qwen/Long-Name"));
    }

    #[test]
    fn a_long_value_is_judged_alike_in_any_split() {
        for length in [MAX_VALUE - 1, MAX_VALUE, MAX_VALUE + 1] {
            let form = format!(
                "--b0\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{}\r\n--b0--",
                "m".repeat(length)
            );
            let whole = run(&[form.as_bytes()], None);
            for size in [1, 7, 1000] {
                let pieces: Vec<&[u8]> = form.as_bytes().chunks(size).collect();
                assert_eq!(run(&pieces, None), whole, "{length} bytes in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_is_no_form_passes_unchanged() {
        for text in ["", "x", "--b0", "--b0\r\n", "--b0\r\nname", "no boundary at all", "--b0--"] {
            assert_eq!(run(&[text.as_bytes()], Some("z")).0, text);
        }
    }

    #[test]
    fn fields_are_left_out_whole_in_any_split() {
        let field = |name: &str, value: &str| {
            format!("--b0\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let long = "x".repeat(3 * MAX_VALUE);
        let kept = [field("model", "m"), field("streaming", "kept")].concat();
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
            let out = [field("stream", "true"), field("include[]", "logprobs"), field("stream", &long)];
            let form = [&out[order[0]], &kept, &out[order[1]], &out[order[2]], "--b0--\r\n"].concat();
            const FIELDS: &[(&str, Way)] = &[("model", Way::Through), ("stream", Way::Out), ("include", Way::Out)];
            let whole = run_with(FIELDS, &[form.as_bytes()], None);
            assert_eq!(whole.0, format!("{kept}--b0--\r\n"));
            assert_eq!(whole.1.iter().map(String::len).sum::<usize>(), 4 + 8 + MAX_VALUE + 1);
            for size in [1, 2, 7, 19, 1000] {
                let pieces: Vec<&[u8]> = form.as_bytes().chunks(size).collect();
                assert_eq!(run_with(FIELDS, &pieces, None), whole, "pieces of {size}");
            }
        }
    }

    #[test]
    fn a_form_that_breaks_off_in_a_field_that_is_left_out_ends_there() {
        const FIELDS: &[(&str, Way)] = &[("stream", Way::Out)];
        let form = "--b0\r\nContent-Disposition: form-data; name=stream\r\n\r\ntru";
        assert_eq!(run_with(FIELDS, &[form.as_bytes()], None), ("--b0".to_owned(), vec![]));
    }
}
