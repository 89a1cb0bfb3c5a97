//! A video as OpenAI asks for it, as SiliconFlow's `/video/submit` takes it (siliconflow-api.md, section 11). Pure, but that a form
//! is read piece by piece.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Map, Value, json};

use crate::bridge::BridgeError;

/// What SiliconFlow makes (siliconflow-api.md, section 11).
const SIZES: [&str; 3] = ["1280x720", "720x1280", "960x960"];
/// OpenAI's, where nothing is said (its API reference, 2026-11).
const USUAL_SIZE: &str = "720x1280";
/// Members of OpenAI's that mean something SiliconFlow cannot do (its API reference, 2026-11). What nobody knows passes.
const REFUSED: [&str; 2] = ["characters", "video"];

/// A translated request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Submission {
    /// The body for `/video/submit`.
    pub(super) body: Bytes,
    /// How large it will be.
    pub(super) size: String,
    /// What was left out or changed, by name.
    pub(super) edits: Vec<&'static str>,
}

/// The request in a JSON body.
///
/// # Errors
/// [`BridgeError`] where a member cannot be carried.
pub(super) fn of_json(body: &[u8]) -> Result<Submission, BridgeError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => submission(fields),
        _ => Err(BridgeError { message: "The body must be one JSON object.".to_owned(), param: None, code: None }),
    }
}

/// The request in a form that was read whole.
///
/// # Errors
/// As [`of_json`].
pub(super) async fn of_form(form: Bytes, boundary: &str) -> Result<Submission, BridgeError> {
    let broken = |_| BridgeError { message: "The form could not be read.".to_owned(), param: None, code: None };
    let pieces = stream::iter([Ok::<_, std::convert::Infallible>(form)]);
    let mut form = multer::Multipart::new(pieces, boundary);
    let mut fields = Map::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let kind = field.content_type().map(ToString::to_string);
        let is_file = field.file_name().is_some();
        let value = field.bytes().await.map_err(broken)?;
        let value =
            if is_file { data_url(&value, kind.as_deref()) } else { String::from_utf8_lossy(&value).into_owned() };
        fields.insert(name, Value::String(value));
    }
    // A form knows no numbers.
    if let Some(seed) = fields.get("seed").and_then(Value::as_str).and_then(|seed| seed.parse::<u64>().ok()) {
        fields.insert("seed".to_owned(), json!(seed));
    }
    submission(fields)
}

fn data_url(picture: &[u8], kind: Option<&str>) -> String {
    let kind = kind.filter(|kind| kind.starts_with("image/")).unwrap_or(match picture {
        [0xff, 0xd8, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', ..] => "image/webp",
        _ => "image/png",
    });
    format!("data:{kind};base64,{}", STANDARD.encode(picture))
}

fn submission(mut fields: Map<String, Value>) -> Result<Submission, BridgeError> {
    if fields.get("model").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(BridgeError::about(
            "model",
            "You must provide a model parameter, such as `Wan-AI/Wan2.2-T2V-A14B`.",
        ));
    }
    let (size, mut edits) = size(&mut fields)?;
    if let Some(reference) = fields.remove("input_reference").filter(|reference| !reference.is_null()) {
        fields.insert("image".to_owned(), Value::String(picture(reference)?));
        edits.push("input-reference");
    }
    if fields.remove("seconds").is_some_and(|seconds| !seconds.is_null()) {
        edits.push("without-seconds");
    }
    if let Some(name) = REFUSED.into_iter().find(|name| fields.get(*name).is_some_and(|value| !value.is_null())) {
        let message = format!("SiliconFlow makes videos of a prompt and one picture: leave `{name}` out.");
        return Err(BridgeError::unsupported(name, message));
    }
    fields.insert("image_size".to_owned(), json!(size));
    Ok(Submission { body: Value::Object(fields).to_string().into(), size, edits })
}

/// The size, under either of its names.
fn size(fields: &mut Map<String, Value>) -> Result<(String, Vec<&'static str>), BridgeError> {
    let own = fields.remove("image_size").filter(|size| !size.is_null());
    let openais = fields.remove("size").filter(|size| !size.is_null());
    let (param, asked, edit) = match (own, openais) {
        (Some(own), _) => ("image_size", own, None),
        (None, Some(size)) => ("size", size, Some("size")),
        (None, None) => ("size", json!(USUAL_SIZE), Some("default-size")),
    };
    match asked.as_str().filter(|size| SIZES.contains(size)) {
        Some(size) => Ok((size.to_owned(), edit.into_iter().collect())),
        None => Err(BridgeError::unsupported(
            param,
            format!("SiliconFlow makes videos of {} pixels only: choose one of these as `{param}`.", SIZES.join(", ")),
        )),
    }
}

/// The picture that a video begins with: a URL or a data URL.
fn picture(reference: Value) -> Result<String, BridgeError> {
    let refused = |message: &str| Err(BridgeError::unsupported("input_reference", message));
    match reference {
        Value::String(url) => Ok(url),
        Value::Object(mut reference) => match reference.remove("image_url") {
            Some(Value::String(url)) => Ok(url),
            _ => refused(
                "Send the picture itself, or `{\"image_url\": \"…\"}` with its URL or a data URL: files cannot be referred to.",
            ),
        },
        _ => refused("`input_reference` must be a picture."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &Value) -> Result<(Value, Vec<&'static str>), BridgeError> {
        let submission = of_json(body.to_string().as_bytes())?;
        Ok((serde_json::from_slice(&submission.body).unwrap(), submission.edits))
    }

    #[test]
    fn each_member_is_carried_named_or_refused() {
        let base = json!({"model": "m", "prompt": "a cat"});
        let with = |more: Value| {
            let mut body = base.clone();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        for (more, becomes, edits) in [
            (json!({}), json!({"image_size": "720x1280"}), vec!["default-size"]),
            (
                json!({"size": "1280x720", "seconds": "4"}),
                json!({"image_size": "1280x720"}),
                vec!["size", "without-seconds"],
            ),
            (json!({"image_size": "960x960", "seed": 7}), json!({"image_size": "960x960", "seed": 7}), vec![]),
            (
                json!({"size": "1280x720", "input_reference": {"image_url": "https://x/y.png"}}),
                json!({"image_size": "1280x720", "image": "https://x/y.png"}),
                vec!["size", "input-reference"],
            ),
        ] {
            assert_eq!(sent(&with(more.clone())), Ok((with(becomes), edits)), "{more}");
        }
        for (more, param) in [
            (json!({"size": "1024x1792"}), "size"),
            (json!({"image_size": 7}), "image_size"),
            (json!({"input_reference": {"file_id": "file-1"}}), "input_reference"),
            (json!({"model": ""}), "model"),
            (json!({"characters": []}), "characters"),
        ] {
            assert_eq!(sent(&with(more.clone())).unwrap_err().param.as_deref(), Some(param), "{more}");
        }
    }

    #[tokio::test]
    async fn a_form_is_the_same_with_its_picture_in_it() {
        let form = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n\
            --b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na cat\r\n\
            --b\r\nContent-Disposition: form-data; name=\"seed\"\r\n\r\n7\r\n\
            --b\r\nContent-Disposition: form-data; name=\"input_reference\"; filename=\"a.png\"\r\n\
            Content-Type: image/png\r\n\r\nPNG\r\n--b--\r\n";
        let submission = of_form(Bytes::from(form), "b").await.unwrap();
        let expected = json!({"model": "m", "prompt": "a cat", "seed": 7, "image": "data:image/png;base64,UE5H", "image_size": "720x1280"});
        assert_eq!(serde_json::from_slice::<Value>(&submission.body).unwrap(), expected);
        assert!(of_form(Bytes::from("--b\r\nbroken"), "b").await.is_err());
    }
}
