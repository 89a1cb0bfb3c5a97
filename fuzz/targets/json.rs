//! Members of an object and their removal: the rest is still an object, with the other members in order.
//! Input: one byte whose bits say which of the first members go, then the text.

use flowgate::wire::json::{self, Object};
use flowgate::wire::splice::{self, Edit};

pub fn check(data: &[u8]) {
    let Some((&doomed, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let _ = json::elements(text);
    let _ = json::string(text).map(|value| assert_eq!(json::string(&json::quote(&value)), Some(value)));
    let Ok(object) = Object::parse(text) else { return };
    for member in object.members() {
        assert_eq!(&text[member.span.clone()], member.value);
        // A key with half a surrogate pair has no meaning; it is called by its spelling.
        let key = &text[member.key_span.clone()];
        assert_eq!(json::string(key).as_deref().unwrap_or(key), member.key);
    }

    let goes = |index: &usize| *index < 8 && doomed >> index & 1 == 1;
    let indices: Vec<usize> = (0..object.members().len()).filter(goes).collect();
    let mut edits: Vec<Edit> = object.removals(&indices).into_iter().map(Edit::cut).collect();
    let mut out = Vec::new();
    splice::apply_into(text.as_bytes(), &mut edits, &mut out);
    let rest = String::from_utf8(out).expect("cuts fall between characters");
    let rest = Object::parse(&rest).expect("what is left is an object");

    let kept = object.members().iter().enumerate().filter(|(index, _)| !goes(index));
    let kept: Vec<_> = kept.map(|(_, member)| (&member.key, member.value)).collect();
    let left: Vec<_> = rest.members().iter().map(|member| (&member.key, member.value)).collect();
    assert_eq!(kept, left);
}
