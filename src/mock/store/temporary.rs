//! Files behind signed-looking URLs that expire: `/temporary/NAME?Expires=UNIX&Signature=HEX`. A GET needs no key
//! (API reference section 9). What lies there follows from the name, so nothing has to be kept.

use crate::mock::call::Call;
use crate::mock::emulator::{Shared, locked};
use crate::mock::media::png;
use crate::mock::play::with_kind;
use crate::mock::seed;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{StatusCode, header};
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;

/// The smallest thing an MP4 reader recognises: a `ftyp` box.
const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2";
const DENIED: &str =
    "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";

/// A URL for `name`, valid for `lifetime`.
pub(in crate::mock) fn link(call: &Call, name: &str, lifetime: Duration) -> String {
    let expires = call.emulator.link_seconds() + lifetime.as_secs();
    let signature = sign(name, expires);
    format!("{}/temporary/{name}?Expires={expires}&Signature={signature}", call.public_url)
}

/// Looks like a signature and notices a changed name or date; not secret.
fn sign(name: &str, expires: u64) -> String {
    seed::hex(seed::mix(expires, name), 32)
}

/// The signed part of a URL.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::mock) struct Signed {
    expires: u64,
    signature: String,
}

/// `GET /temporary/NAME`.
pub(in crate::mock) async fn serve(
    State(emulator): State<Shared>,
    Path(name): Path<String>,
    signed: Result<Query<Signed>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let valid = signed.is_ok_and(|Query(signed)| {
        signed.signature == sign(&name, signed.expires) && emulator.link_seconds() < signed.expires
    });
    if !valid {
        return (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/xml")], DENIED).into_response();
    }
    match name.split_once('/') {
        Some(("picture-404", _)) => StatusCode::NOT_FOUND.into_response(),
        Some(("picture-redirect", _)) => {
            (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/latest/meta-data/")]).into_response()
        }
        Some(("picture-html", _)) => with_kind("text/html", Body::from("<html><body>Not a picture</body></html>")),
        Some(("picture-html-png", _)) => with_kind("image/png", Body::from("<html><body>Not a picture</body></html>")),
        Some(("picture-svg", _)) => {
            with_kind("image/svg+xml", Body::from("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"))
        }
        Some(("picture-endless", _)) => with_kind("image/png", endless()),
        Some(("picture-torn", _)) => with_kind("image/png", Body::from(torn())),
        Some(("picture-stall", _)) => with_kind("image/png", stalled()),
        _ => stored(&emulator, &name),
    }
}

/// Begins like a picture and never ends.
fn endless() -> Body {
    let block = Bytes::from(vec![0x89; 65_536]);
    let more = stream::repeat_with(move || Ok::<_, Infallible>(block.clone()));
    Body::from_stream(stream::once(async { Ok(torn()) }).chain(more))
}

/// The first half of a picture.
fn torn() -> Bytes {
    let whole = png(0);
    whole.slice(..whole.len() / 2)
}

/// The same, and then nothing more.
fn stalled() -> Body {
    let first = stream::once(async { Ok::<_, Infallible>(torn()) });
    Body::from_stream(first.chain(stream::pending()))
}

fn stored(emulator: &Shared, name: &str) -> Response {
    match name.rsplit_once('.') {
        Some((picture, "png")) => {
            with_kind("image/png", Body::from(png(u64::from_str_radix(picture, 16).unwrap_or(0))))
        }
        Some((_, "mp4")) => with_kind("video/mp4", Body::from(MP4)),
        Some((batch, "jsonl")) => {
            let store = locked(&emulator.store);
            let found = store.batches.iter().find(|((_, id), _)| id == batch);
            found.map_or_else(not_there, |(_, batch)| with_kind("application/jsonl", Body::from(batch.results.clone())))
        }
        _ => not_there(),
    }
}

fn not_there() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
