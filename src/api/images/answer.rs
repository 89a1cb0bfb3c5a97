//! The answer to a request for pictures: OpenAI's members (`created`, `data`) and SiliconFlow's (`images`, `timings`, `seed`, …) in
//! one object, or an event for each picture. Pictures that are asked for as base64 are read from the disk while they are sent.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::calls::Drawn;
use super::gallery::{Content, Picture};
use crate::api::media::text;
use crate::bridge::pictures::{Drawing, Shape};
use crate::media::{Piece, Pieces};
use crate::relay::usage::Usage;
use crate::wire::json::{Object, quote};

/// An answer ready to go.
pub(super) struct Made {
    pub(super) headers: HeaderMap,
    pub(super) pieces: Pieces,
}

/// The answer made of what was `drawn`.
pub(super) fn make(drawing: &Drawing, drawn: &Drawn, pictures: Vec<Picture>, is_edit: bool) -> Made {
    let mut headers = drawn.headers.clone();
    let set = |headers: &mut HeaderMap, name, value| drop(headers.insert(name, HeaderValue::from_static(value)));
    if drawing.is_streaming {
        set(&mut headers, header::CONTENT_TYPE, "text/event-stream");
        set(&mut headers, header::CACHE_CONTROL, "no-cache");
        set(&mut headers, header::HeaderName::from_static("x-accel-buffering"), "no");
        let kind = if is_edit { "image_edit.completed" } else { "image_generation.completed" };
        return Made { headers, pieces: events(kind, drawing, drawn, pictures) };
    }
    set(&mut headers, header::CONTENT_TYPE, "application/json");
    Made { headers, pieces: whole(drawing, drawn, pictures) }
}

/// One object with everything in it.
fn whole(drawing: &Drawing, drawn: &Drawn, pictures: Vec<Picture>) -> Pieces {
    let mut pieces = vec![text(format!("{{\"created\":{},\"data\":[", created(drawn)))];
    let format = pictures.first().and_then(|picture| picture.format);
    let links: Vec<String> = pictures.iter().map(|picture| quote(&picture.link)).collect();
    for (index, (picture, entry)) in pictures.into_iter().zip(&drawn.entries).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        pieces.push(text(format!("{comma}{{")));
        pieces.extend(match drawing.shape {
            Shape::Link => vec![text(format!("\"url\":{}", links[index]))],
            Shape::Base64 => base64(picture),
        });
        pieces.push(text(format!("{}}}", others(entry, &["url", "b64_json"]))));
    }
    let images =
        links.iter().zip(&drawn.entries).map(|(link, entry)| format!("{{\"url\":{link}{}}}", others(entry, &["url"])));
    let images: Vec<String> = images.collect();
    let first = std::str::from_utf8(&drawn.first).unwrap_or_default();
    let mut rest =
        format!("],\"images\":[{}]{}", images.join(","), others(first, &["created", "data", "images", "usage"]));
    let said = Object::parse(first).ok().and_then(|first| first.get("usage").map(|usage| usage.value.to_owned()));
    match said.filter(|_| drawing.parts.len() == 1) {
        Some(usage) if !drawing.is_gpt_image => rest.push_str(&format!(",\"usage\":{usage}")),
        _ if drawing.is_gpt_image => rest.push_str(&format!(
            ",\"background\":\"auto\",\"output_format\":\"{}\",\"quality\":\"auto\",\"size\":{},\"usage\":{}",
            format.map_or("png", |format| format.ending()),
            quote(&drawing.size),
            usage(&drawn.usage)
        )),
        _ => {}
    }
    rest.push('}');
    pieces.push(text(rest));
    Pieces::new(pieces)
}

/// An event for each picture, as OpenAI's `stream: true` ends.
fn events(kind: &str, drawing: &Drawing, drawn: &Drawn, pictures: Vec<Picture>) -> Pieces {
    let mut pieces = Vec::new();
    let count = pictures.len() as u64;
    for picture in pictures {
        let format = picture.format.map_or("png", |format| format.ending());
        // Of what all used, each event tells its part.
        let share = Usage { tokens: drawn.usage.tokens.part_of(count), ..drawn.usage };
        pieces.push(text(format!("event: {kind}\ndata: {{\"type\":\"{kind}\",")));
        pieces.extend(base64(picture));
        pieces.push(text(format!(
            ",\"background\":\"auto\",\"created_at\":{},\"output_format\":\"{format}\",\"quality\":\"auto\",\"size\":{},\"usage\":{}}}\n\n",
            created(drawn),
            quote(&drawing.size),
            usage(&share)
        )));
    }
    Pieces::new(pieces)
}

/// `"b64_json":"…"`
fn base64(picture: Picture) -> Vec<Piece> {
    let content = match picture.content {
        Content::Kept(found) => found.base64(),
        Content::Held(bytes) => text(STANDARD.encode(bytes)),
        Content::None => text(""),
    };
    vec![text("\"b64_json\":\""), content, text("\"")]
}

/// When it was made (Unix seconds): the upstream's word, else now.
fn created(drawn: &Drawn) -> u64 {
    let text = std::str::from_utf8(&drawn.first).unwrap_or_default();
    let said = Object::parse(text).ok().and_then(|first| first.get("created")?.value.parse().ok());
    said.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// The members of a JSON object but for `without`, each with a comma before it.
fn others(object: &str, without: &[&str]) -> String {
    let object = Object::parse(object).unwrap_or_default();
    let others = object.members().iter().filter(|member| !without.contains(&&*member.key));
    others.map(|member| format!(",{}:{}", quote(&member.key), member.value)).collect()
}

/// Tokens in the shape of OpenAI's `gpt-image` models. SiliconFlow counts pictures, so mostly all of them are 0.
fn usage(usage: &Usage) -> Value {
    let tokens = usage.tokens;
    json!({
        "total_tokens": tokens.input.saturating_add(tokens.output),
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "input_tokens_details": {"text_tokens": tokens.input, "image_tokens": 0},
    })
}
