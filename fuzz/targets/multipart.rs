//! Forms on their way through: every byte passes, and the field is seen the same however the form is cut. Forms held whole:
//! parts are apart, in order, and each stands where the delimiter says.
//! Input: one byte (size of the pieces), then a form with the boundary `b0`.

use std::convert::Infallible;

use super::splits::splits;
use flowgate::wire::form;
use flowgate::wire::multipart::{self, FormTap, Way};

pub fn check(data: &[u8]) {
    let Some((&size, form)) = data.split_first() else { return };
    let _ = std::str::from_utf8(form).map(multipart::boundary);
    held_whole(form);
    let (kept, seen) = run(&[form], None);
    assert_eq!(kept, form, "a form that is not edited passes as it is");
    let replaced = run(&[form], Some("Qwen/Qwen3-8B"));
    let left_out = run_with(OUT, &[form], None);
    for pieces in splits(form, size) {
        assert_eq!(run_with(OUT, &pieces, None), left_out);
        assert_eq!(run(&pieces, None), (kept.clone(), seen.clone()));
        assert_eq!(run(&pieces, Some("Qwen/Qwen3-8B")), replaced);
    }
}

const MODEL: &[(&str, Way)] = &[("model", Way::Through)];
const OUT: &[(&str, Way)] = &[("model", Way::Out), ("stream", Way::Out)];

fn run(pieces: &[&[u8]], replacement: Option<&str>) -> (Vec<u8>, Vec<String>) {
    run_with(MODEL, pieces, replacement)
}

/// The bytes that came out, and the values that were seen.
fn run_with(
    fields: &'static [(&'static str, Way)],
    pieces: &[&[u8]],
    replacement: Option<&str>,
) -> (Vec<u8>, Vec<String>) {
    let mut tap = FormTap::new("b0", fields);
    let (mut out, mut seen) = (Vec::new(), Vec::new());
    for piece in pieces {
        let Ok(passed) = tap.push::<Infallible>(piece, &mut |_, value| {
            seen.push(value.to_owned());
            Ok(replacement.map(str::to_owned))
        });
        out.extend_from_slice(&passed);
    }
    out.extend_from_slice(&tap.finish());
    (out, seen)
}

fn held_whole(form: &[u8]) {
    let offset = |content: &[u8]| content.as_ptr() as usize - form.as_ptr() as usize;
    let mut end = 0;
    for part in form::parts(form, "b0").unwrap_or_default() {
        let start = offset(part.content);
        assert!(start >= end, "parts do not overlap");
        end = start + part.content.len();
        assert!(form[end..].starts_with(b"\r\n--b0"), "a part ends where the delimiter stands");
    }
}
