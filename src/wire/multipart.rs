//! Multipart forms on the way through: the bytes pass as they come, the value of one small text
//! field can be read and replaced.
//!
//! Nothing but that field and the beginning of a possible boundary is ever held, so a form with a
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

/// A form on its way through.
#[derive(Debug)]
pub struct FormTap {
    delimiter: Finder<'static>,
    field: &'static str,
    held: BytesMut,
    state: State,
    /// Bytes at the front that are ours (the line end that makes the first boundary like the rest).
    primed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Content,
    PartHead,
    Value,
    Rest,
}

impl FormTap {
    /// Watches a form with this `boundary` for the text field called `field`.
    pub fn new(boundary: &str, field: &'static str) -> Self {
        let delimiter = Finder::new(&format!("\r\n--{boundary}")).into_owned();
        Self { delimiter, field, held: BytesMut::from(&b"\r\n"[..]), state: State::Content, primed: 2 }
    }

    /// Takes a piece of the form and returns what can go on. When the value of the field is whole,
    /// `decide` is asked once; `Some` replaces it, `None` leaves it.
    ///
    /// # Errors
    /// Whatever `decide` returns; the form must not be sent on then.
    pub fn push<E>(
        &mut self,
        piece: &[u8],
        decide: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
    ) -> Result<Bytes, E> {
        self.held.extend_from_slice(piece);
        let mut out = BytesMut::with_capacity(self.held.len());
        while self.step(&mut out, decide)? {}
        Ok(self.without_primer(out))
    }

    /// What is still held when the form has ended.
    pub fn finish(&mut self) -> Bytes {
        self.state = State::Rest;
        let held = self.held.split();
        self.without_primer(held)
    }

    fn without_primer(&mut self, mut out: BytesMut) -> Bytes {
        let primer = self.primed.min(out.len());
        self.primed -= primer;
        out.split_off(primer).freeze()
    }

    /// One step; whether another may follow with the bytes held.
    fn step<E>(
        &mut self,
        out: &mut BytesMut,
        decide: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
    ) -> Result<bool, E> {
        match self.state {
            State::Content => Ok(self.content(out)),
            State::PartHead => Ok(self.part_head(out)),
            State::Value => self.value(out, decide),
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
        self.state = if names_field(&head, self.field) { State::Value } else { State::Content };
        out.extend_from_slice(&head);
        true
    }

    fn value<E>(
        &mut self,
        out: &mut BytesMut,
        decide: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
    ) -> Result<bool, E> {
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
            Ok(value) => decide(value)?,
            Err(_) => None,
        };
        if let Some(replacement) = replacement {
            out.extend_from_slice(replacement.as_bytes());
            let _old = self.held.split_to(end);
        }
        Ok(true)
    }
}

/// Whether a part's headers name the text field `field` (a part with a file name is a file).
fn names_field(head: &[u8], field: &str) -> bool {
    let Ok(head) = std::str::from_utf8(head) else { return false };
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
        .any(|(_, value)| disposition_names(value, field))
}

fn disposition_names(value: &str, field: &str) -> bool {
    let parameter = |wanted: &str| {
        value.split(';').skip(1).filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    parameter("filename").is_none() && parameter("name").as_deref() == Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const FORM: &str = "--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\
        Content-Type: audio/wav\r\n\r\nRIFF\r\n--b\r\n--b1\r\n\r\n--b0\r\n\
        content-disposition: form-data; name=\"model\"\r\n\r\nmy-alias\r\n--b0--\r\nepilogue";

    fn run(pieces: &[&[u8]], replacement: Option<&str>) -> (String, Vec<String>) {
        let mut tap = FormTap::new("b0", "model");
        let (mut out, mut seen) = (Vec::new(), Vec::new());
        for piece in pieces {
            let passed = tap
                .push::<Infallible>(piece, &mut |value| {
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
}
