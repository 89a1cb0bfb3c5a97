//! `POST /images/edits`: the form that OpenAI's SDKs send, or JSON, becomes SiliconFlow's JSON for the path on which it draws. A form is
//! read whole, within the limits of a body, for its pictures go into the JSON as base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, header};

use crate::api::error::GatewayError;
use crate::api::exchange::Exchange;
use crate::api::head::HeadError;
use crate::api::route::Route;
use crate::api::target::Target;
use crate::bridge::BridgeError;
use crate::bridge::pictures;
use crate::media::{Format, Kind};
use crate::wire::form::{self, Part};
use crate::wire::json::{Object, quote};

/// Most pictures of one request (OpenAI's API reference, `image` of edits).
const MOST_PICTURES: usize = 16;
/// The largest picture (bytes; OpenAI's API reference: 50 MB).
const MOST_BYTES: usize = 50_000_000;
/// Fields of a form that are numbers or yes-or-no in JSON.
const PLAIN: [&str; 9] = [
    "n",
    "stream",
    "partial_images",
    "output_compression",
    "batch_size",
    "seed",
    "num_inference_steps",
    "guidance_scale",
    "cfg",
];

/// From now on it is a request at `/images/generations`, where edits are made too; what it is called by stays.
pub(in crate::api) fn carry(exchange: &mut Exchange, body: &Bytes) -> Result<Bytes, GatewayError> {
    let carried = match exchange.boundary.as_deref() {
        Some(boundary) => {
            exchange.edits.push("form-as-json");
            of_form(body, boundary)?
        }
        None => of_json(body, &mut exchange.edits)?,
    };
    exchange.upstream_headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    exchange.target =
        Target { route: Route::Images, path: Route::Images.label().to_owned(), face: exchange.target.face };
    Ok(carried)
}

fn of_json(body: &Bytes, edits: &mut Vec<&'static str>) -> Result<Bytes, GatewayError> {
    let wrong = |what: &str| HeadError::NotJson(what.to_owned());
    let text = std::str::from_utf8(body).map_err(|_| wrong("it is not UTF-8"))?;
    let object = Object::parse(text).map_err(|_| wrong("it is not an object"))?;
    if let Some(name) = object.duplicate() {
        return Err(HeadError::Duplicate(name.chars().take(64).collect()).into());
    }
    let Some(inputs) = pictures::inputs(&object)? else { return Ok(body.clone()) };
    check_number(inputs.len())?;
    edits.push("image-list");
    let kept = object.members().iter().filter(|member| !matches!(&*member.key, "image" | "images"));
    let mut members: Vec<String> = kept.map(|member| format!("{}:{}", quote(&member.key), member.value)).collect();
    members
        .extend(inputs.iter().enumerate().map(|(index, input)| format!("\"{}\":{input}", pictures::input_name(index))));
    Ok(Bytes::from(format!("{{{}}}", members.join(","))))
}

fn of_form(body: &Bytes, boundary: &str) -> Result<Bytes, GatewayError> {
    let malformed =
        || BridgeError::about("image", "The form cannot be read: send multipart/form-data as OpenAI's SDKs do.");
    let parts = form::parts(body, boundary).ok_or_else(malformed)?;
    let (images, fields): (Vec<&Part<'_>>, Vec<&Part<'_>>) = parts.iter().partition(|part| is_image(&part.name));
    if images.is_empty() {
        return Err(BridgeError::about("image", "There is no picture to edit: send it as `image`.").into());
    }
    check_number(images.len())?;
    // The size of what comes is known: it need not grow on the way.
    let mut json = Vec::with_capacity(body.len() / 3 * 4 + 1024);
    json.push(b'{');
    for field in fields {
        member(&mut json, field)?;
    }
    for (index, image) in images.into_iter().enumerate() {
        picture(&mut json, index, image.content)?;
    }
    json.push(b'}');
    Ok(json.into())
}

/// `image`, `image[]` or `image[0]`.
fn is_image(name: &str) -> bool {
    name.strip_prefix("image").is_some_and(|rest| rest.is_empty() || rest.starts_with('[') && rest.ends_with(']'))
}

fn check_number(count: usize) -> Result<(), GatewayError> {
    if count <= MOST_PICTURES {
        return Ok(());
    }
    let message = format!("At most {MOST_PICTURES} pictures can be sent to be edited, not {count}.");
    Err(BridgeError::about("image", message).into())
}

/// A text field as a member. Files other than pictures are named, so that what they are for can be refused.
fn member(json: &mut Vec<u8>, field: &Part<'_>) -> Result<(), GatewayError> {
    let text = if field.is_file { Ok("") } else { std::str::from_utf8(field.content) };
    let text = text
        .map_err(|_| BridgeError::about(field.name.clone(), format!("`{}` is not UTF-8.", shortened(&field.name))))?;
    let is_plain = PLAIN.contains(&&*field.name)
        && serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| !value.is_string());
    separate(json);
    json.extend(quote(&field.name).bytes());
    json.push(b':');
    json.extend(if is_plain { text.trim().to_owned() } else { quote(text) }.bytes());
    Ok(())
}

/// A picture as a data URL.
fn picture(json: &mut Vec<u8>, index: usize, content: &[u8]) -> Result<(), GatewayError> {
    let about = |message: String| GatewayError::from(BridgeError::about("image", message));
    if content.len() > MOST_BYTES {
        return Err(about(format!("image {} has {} bytes; {MOST_BYTES} are the most.", index + 1, content.len())));
    }
    let format = Format::of(content).filter(|format| format.kind() == Kind::Picture);
    let format = format.ok_or_else(|| about(format!("image {} is no PNG, JPEG, WebP or GIF.", index + 1)))?;
    separate(json);
    json.extend(format!("\"{}\":\"data:{};base64,", pictures::input_name(index), format.media_type()).bytes());
    let start = json.len();
    json.resize(start + content.len().div_ceil(3) * 4, 0);
    // The room is exactly what it takes.
    let written = STANDARD.encode_slice(content, &mut json[start..]).unwrap_or_default();
    json.truncate(start + written);
    json.push(b'"');
    Ok(())
}

fn separate(json: &mut Vec<u8>) {
    if json.last() != Some(&b'{') {
        json.push(b',');
    }
}

fn shortened(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";

    fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Bytes {
        let mut form = Vec::new();
        for (name, file, content) in parts {
            let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
            form.extend(format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes());
            form.extend(*content);
            form.extend(b"\r\n");
        }
        form.extend(b"--b--\r\n");
        form.into()
    }

    fn read(parts: &[(&str, Option<&str>, &[u8])]) -> Result<Value, String> {
        let json = of_form(&form(parts), "b").map_err(|error| error.to_string())?;
        Ok(serde_json::from_slice(&json).unwrap())
    }

    #[test]
    fn a_form_becomes_siliconflows_json() {
        let url = format!("data:image/png;base64,{}", STANDARD.encode(PNG));
        let read = read(&[
            ("model", None, b"m"),
            ("image[]", Some("a.png"), PNG),
            ("prompt", None, "a \"猫\"\r\nin two lines".as_bytes()),
            ("n", None, b"2"),
            ("stream", None, b"true"),
            ("user", None, b"7"),
            ("image[]", Some("b.png"), PNG),
        ]);
        let expected = json!({"model": "m", "prompt": "a \"猫\"\r\nin two lines", "n": 2, "stream": true, "user": "7", "image": url, "image2": url});
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn what_cannot_be_edited_is_refused() {
        let check = |parts: &[(&str, Option<&str>, &[u8])], says: &str| {
            let error = read(parts).unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        check(&[("prompt", None, b"x")], "no picture to edit");
        check(&[("image", Some("a.svg"), b"<svg xmlns='x'>")], "no PNG");
        check(&[("image", Some("a.png"), b"")], "no PNG");
        check(&[("image", Some("a.png"), PNG), ("x", None, b"\xff")], "not UTF-8");
        check(&vec![("image[]", Some("a.png"), PNG); 17], "At most 16");
        assert!(of_form(&Bytes::from_static(b"no form"), "b").is_err());
        // A mask is named, and refused with its reason where all members are looked at.
        assert_eq!(read(&[("image", Some("a.png"), PNG), ("mask", Some("m.png"), PNG)]).unwrap()["mask"], "");
    }

    #[test]
    fn json_may_have_lists() {
        let mut edits = Vec::new();
        let own = Bytes::from_static(br#"{"model":"m","image":"data:x","image2":"data:y"}"#);
        assert_eq!(of_json(&own, &mut edits).unwrap(), own);
        assert!(edits.is_empty());
        let list = Bytes::from_static(br#"{"model":"m","images":[{"image_url":"a"},{"image_url":"b"}],"prompt":"x"}"#);
        assert_eq!(of_json(&list, &mut edits).unwrap(), r#"{"model":"m","prompt":"x","image":"a","image2":"b"}"#);
        assert_eq!(edits, ["image-list"]);
    }
}
