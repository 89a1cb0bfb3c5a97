//! `GET /flowgate/media/{name}`: pictures and videos that are kept, for the key that made them, and for whoever has their link.
//! Nothing of them is held in memory but what is on its way.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request};

use super::answers::Answered;
use super::error::GatewayError;
use super::exchange::Exchange;
use super::face::Face;
use super::headers;
use super::range::Range;
use super::serve::{Gateway, with_request_id};
use super::snapshot::{Origin, Snapshot};
use super::target::{MEDIA, Target};
use crate::ledger::Id;
use crate::media::{Found, Kept, Piece, Pieces};
use crate::relay::body::RelayBody;
use crate::relay::made::Made;
use crate::relay::settle::Outcome;
use crate::relay::usage::Usage;

/// Whether a caller sends no key: then its link has to open what it wants.
pub(super) fn has_no_key(caller: &HeaderMap) -> bool {
    headers::credential(caller).is_none()
}

/// Where links to this gateway begin: what the operator says, else the host that was called, which the door has looked at.
pub(super) fn origin(origin: &Origin, parts: &request::Parts) -> String {
    if let Some(url) = &origin.public_url {
        return url.clone();
    }
    let named = || parts.headers.get(header::HOST).and_then(headers::text);
    let host = parts.uri.authority().map(http::uri::Authority::as_str).or_else(named).unwrap_or("localhost");
    format!("{}://{host}", if origin.is_tls { "https" } else { "http" })
}

impl Exchange {
    /// A link that opens `kept` for as long as it is kept.
    pub(super) fn media_link(&self, kept: &Kept) -> String {
        let Kept { name, .. } = kept;
        format!("{}{MEDIA}{name}?{}", self.origin, self.snapshot.media.query(name))
    }
}

/// The answer to a caller with a key.
pub(super) async fn answer(exchange: &Exchange, parts: &request::Parts) -> Result<Answered, GatewayError> {
    let (name, query) = exchange.target.media();
    let found = exchange.snapshot.media.find(name, Some(&exchange.tenant.name), query).await;
    let (status, headers, pieces) = handed_out(&found.ok_or(GatewayError::NoMedia)?, parts);
    Ok(Answered::made(status, headers, pieces, Usage::nothing(), Vec::new()))
}

impl Gateway {
    /// The answer to a caller without one.
    pub(super) async fn signed(
        &self,
        snapshot: &Snapshot,
        target: &Target,
        parts: &request::Parts,
        id: &Id,
    ) -> Response<RelayBody> {
        let mut settlement = self.begin(parts, target.route, id.clone());
        settlement.usage = Usage::nothing();
        let (name, query) = target.media();
        let Some(found) = snapshot.media.find(name, None, query).await else {
            return self.end_refused(settlement, &GatewayError::NoMedia, target.face);
        };
        let (status, headers, pieces) = handed_out(&found, parts);
        (settlement.status, settlement.outcome) = (status.as_u16(), Outcome::Complete);
        let mut response = Response::new(RelayBody::Made(Made::new(pieces)));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        with_request_id(response, id, Face::OpenAi)
    }
}

/// What is sent of `found`: all, a part of it, or only that it has not changed.
pub(super) fn handed_out(found: &Found, parts: &request::Parts) -> (StatusCode, HeaderMap, Pieces) {
    let etag = format!("\"{}\"", found.digest);
    let asked = |name| parts.headers.get(name).and_then(headers::text);
    let mut headers = own_headers(found, &etag);
    if asked(header::IF_NONE_MATCH).is_some_and(|known| known == "*" || known.contains(&etag)) {
        return (StatusCode::NOT_MODIFIED, headers, Pieces::new([]));
    }
    let is_current = asked(header::IF_RANGE).is_none_or(|known| known == etag);
    let range = asked(header::RANGE).filter(|_| is_current).map_or(Range::All, |text| Range::read(text, found.length));
    let (status, from, to) = match range {
        Range::All => (StatusCode::OK, 0, found.length),
        Range::Part { from, to } => (StatusCode::PARTIAL_CONTENT, from, to),
        Range::Nowhere => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let place = match range {
        Range::All => None,
        Range::Part { from, to } => HeaderValue::try_from(format!("bytes {from}-{}/{}", to - 1, found.length)).ok(),
        Range::Nowhere => HeaderValue::try_from(format!("bytes */{}", found.length)).ok(),
    };
    headers.extend(place.map(|place| (header::CONTENT_RANGE, place)));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    let is_sent = parts.method != Method::HEAD && to > from;
    (status, headers, Pieces::new(is_sent.then(|| found.part(from, to))))
}

/// A browser takes it for nothing but what it is, and keeps it to itself.
fn own_headers(found: &Found, etag: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(found.format.media_type()));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    let most = format!("private, max-age={}, immutable", found.seconds_left);
    for (name, value) in [(header::ETAG, etag), (header::CACHE_CONTROL, &most)] {
        headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
    }
    headers
}

/// Text as a part of a body.
pub(super) fn text(text: impl Into<Bytes>) -> Piece {
    Piece::Text(text.into())
}
