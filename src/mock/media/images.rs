//! `POST /v1/images/generations`, text to image and edits (API reference section 9).

use crate::mock::call::{Call, Caller};
use crate::mock::catalogue::{Kind, Model};
use crate::mock::clock::unix_seconds;
use crate::mock::play;
use crate::mock::quota::Ask;
use crate::mock::refusal::Refusal;
use crate::mock::{seed, store};
use axum::Extension;
use axum::response::Response;
use serde_json::{Value, json};

/// Largest seed (section 9).
const MOST_SEED: u64 = 9_999_999_999;

const KOLORS: &[&str] = &["1024x1024", "960x1280", "768x1024", "720x1440", "720x1280"];
const QWEN_IMAGE: &[&str] = &["1328x1328", "1664x928", "928x1664", "1472x1140", "1140x1472", "1584x1056", "1056x1584"];

/// The handler.
pub(in crate::mock) async fn generations(Extension(call): Caller) -> Result<Response, Refusal> {
    let model = call.model(|kind| matches!(kind, Kind::Image | Kind::ImageEdit))?;
    let prompt = call.json["prompt"].as_str().filter(|prompt| !prompt.is_empty());
    let prompt = prompt.ok_or_else(|| Refusal::parameter("Field required: prompt"))?;
    check(model, &call.json)?;
    let count = call.json["batch_size"].as_u64().unwrap_or(1);
    let mut ticket = call.admit(Ask { tokens: 0, images: count })?;
    call.take_time(0).await;
    ticket.bill.images = count;
    let document = document(&call, prompt, count);
    Ok(play::document(&call, &document, ticket))
}

fn document(call: &Call, prompt: &str, count: u64) -> Value {
    let drawn_from = seed::mix(call.seed(), prompt);
    let seed = call.json["seed"].as_u64().unwrap_or(drawn_from % MOST_SEED);
    let images: Value =
        (0..count).map(|place| json!({"url": url(call, drawn_from ^ seed.wrapping_add(place))})).collect();
    let mut document = json!({
        "images": images, "timings": {"inference": 0.5}, "seed": seed, "shared_id": "0",
        "data": images, "created": unix_seconds(),
    });
    if let Some(fields) = document.as_object_mut().filter(|_| call.fault_is("no-data")) {
        fields.remove("data");
        fields.remove("created");
    }
    document
}

/// Picture faults that are played where the picture lies.
const LEADS_ASTRAY: [&str; 8] = [
    "picture-404",
    "picture-redirect",
    "picture-html",
    "picture-html-png",
    "picture-svg",
    "picture-endless",
    "picture-torn",
    "picture-stall",
];

/// Where the picture lies; picture faults lead elsewhere.
fn url(call: &Call, picture: u64) -> String {
    let lifetime = call.emulator.settings.picture_lifetime;
    let name = format!("{picture:016x}.png");
    let link = |folder: &str, lifetime| store::temporary::link(call, &format!("{folder}{name}"), lifetime);
    match call.fault.as_ref().map(|fault| fault.name.as_str()) {
        Some("picture-private") => "http://169.254.169.254/latest/meta-data/".to_owned(),
        Some("picture-expired") => link("", std::time::Duration::ZERO),
        Some("picture-elsewhere") => format!("https://pictures.example.com/{name}?Signature=secret"),
        Some("picture-plain") => format!("http://s3.siliconflow.cn/{name}?Signature=secret"),
        Some(fault) if LEADS_ASTRAY.contains(&fault) => link(&format!("{fault}/"), lifetime),
        _ => link("", lifetime),
    }
}

fn check(model: &Model, json: &Value) -> Result<(), Refusal> {
    let is_kolors = model.id.ends_with("/Kolors");
    let batch = json["batch_size"].as_u64().unwrap_or(1);
    let fine = size_fits(model, &json["image_size"])
        && (1..=if is_kolors { 4 } else { 1 }).contains(&batch)
        && json["seed"].as_u64().is_none_or(|seed| seed <= MOST_SEED)
        && json["num_inference_steps"].as_u64().is_none_or(|steps| (1..=100).contains(&steps))
        && (model.kind != Kind::ImageEdit || json["image"].is_string());
    if fine { Ok(()) } else { Err(Refusal::bad_parameter()) }
}

/// Required and from a list, except for the edit models, which do not have it.
fn size_fits(model: &Model, size: &Value) -> bool {
    let Some(size) = size.as_str() else {
        return model.kind == Kind::ImageEdit;
    };
    match model.id.as_str() {
        "Kwai-Kolors/Kolors" => KOLORS.contains(&size),
        "Qwen/Qwen-Image" => QWEN_IMAGE.contains(&size),
        _ => {
            let side = |side: &str| side.parse::<u32>().is_ok_and(|side| side > 0);
            size.split_once('x').is_some_and(|(width, height)| side(width) && side(height))
        }
    }
}
