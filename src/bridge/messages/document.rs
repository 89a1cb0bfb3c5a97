//! Pictures, documents and search results as parts of a chat message.

use std::borrow::Cow;

use super::reader::{At, Block, blocks};
use super::turns::Part;
use super::{BridgeError, Known, object, refuse, words};
use crate::wire::json::Object;

/// A picture by its url.
pub(super) fn image<'a>(block: &Block<'a>) -> Result<Part<'a>, BridgeError> {
    let source = source(block)?;
    match source.string("type").as_deref() {
        Some("url") => Ok(Part::Picture(Cow::Borrowed(member(&source, "url", block.at)?))),
        Some("base64") => Ok(Part::Picture(data_url(&source, block.at)?)),
        _ => Err(refuse(
            block.at,
            format!(
                "`{}`: send the picture as `base64` or as a `url`; there is no store of files to take it from.",
                block.at
            ),
        )),
    }
}

/// A document: its title, what is said of it, its text.
pub(super) fn document<'a>(block: &Block<'a>, model: Known, parts: &mut Vec<Part<'a>>) -> Result<(), BridgeError> {
    parts.extend(["title", "context"].iter().filter_map(|key| text(&block.object, key)));
    let source = source(block)?;
    match source.string("type").as_deref() {
        Some("text") => parts.push(Part::Text(Cow::Borrowed(member(&source, "data", block.at)?))),
        Some("content") => match source.get("content").map(|content| content.value) {
            Some(content) if content.starts_with('[') => pieces(content, block.at, parts)?,
            _ => parts.push(Part::Text(Cow::Borrowed(member(&source, "content", block.at)?))),
        },
        Some("base64") if model.reads_pdf => parts.push(Part::Picture(data_url(&source, block.at)?)),
        Some("url") if model.reads_pdf => {
            parts.push(Part::Picture(Cow::Borrowed(member(&source, "url", block.at)?)));
        }
        Some("base64" | "url") => {
            return Err(refuse(
                block.at,
                format!(
                    "`{}`: the model reads no PDF documents. Send the text of the document (`source.type` `text`), or its pages as pictures.",
                    block.at
                ),
            ));
        }
        _ => {
            return Err(refuse(
                block.at,
                format!(
                    "`{}`: send the document as `text` or `content`; there is no store of files to take it from.",
                    block.at
                ),
            ));
        }
    }
    Ok(())
}

/// A search result: its title, where it is from, its text.
pub(super) fn search_result<'a>(block: &Block<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), BridgeError> {
    parts.extend(["title", "source"].iter().filter_map(|key| text(&block.object, key)));
    let content = block.object.get("content").map_or("[]", |content| content.value);
    pieces(content, block.at, parts)
}

/// Texts and pictures in an array.
fn pieces<'a>(content: &'a str, at: At, parts: &mut Vec<Part<'a>>) -> Result<(), BridgeError> {
    for block in blocks(content, |_| at)? {
        match &*block.kind {
            "text" => parts.extend(text(&block.object, "text")),
            "image" => parts.push(image(&block)?),
            other => return Err(refuse(at, format!("`{at}`: a block of the type `{other}` has no place in it."))),
        }
    }
    Ok(())
}

/// The text of a member, if there is any.
pub(super) fn text<'a>(object: &Object<'a>, key: &str) -> Option<Part<'a>> {
    let inside = words::inside(object.get(key)?.value).filter(|text| !text.is_empty())?;
    Some(Part::Text(Cow::Borrowed(inside)))
}

fn source<'a>(block: &Block<'a>) -> Result<Object<'a>, BridgeError> {
    object(block.object.get("source").map_or("null", |source| source.value), format!("{}.source", block.at))
}

fn data_url<'a>(source: &Object<'a>, at: At) -> Result<Cow<'a, str>, BridgeError> {
    let (kind, data) = (member(source, "media_type", at)?, member(source, "data", at)?);
    Ok(Cow::Owned(["data:", kind, ";base64,", data].concat()))
}

fn member<'a>(source: &Object<'a>, key: &str, at: At) -> Result<&'a str, BridgeError> {
    let value = source.get(key).and_then(|member| words::inside(member.value));
    value.ok_or_else(|| super::malformed(format!("{at}.source.{key}"), "a string"))
}
