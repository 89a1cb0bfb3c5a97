//! One target a file: `check` takes any bytes, and panics if what must hold does not.

mod bridges;
mod chat_stream;
mod config;
mod features;
mod journal;
mod json;
mod multipart;
mod price;
mod question;
mod refusal;
mod request;
mod restream;
mod route;
mod splice;
mod splits;
mod stored_key;
mod usage_tap;

/// A name, as of the folder with its seeds, and what it runs.
type Target = (&'static str, fn(&[u8]));

pub const ALL: [Target; 16] = [
    ("bridges", bridges::check),
    ("chat_stream", chat_stream::check),
    ("config", config::check),
    ("features", features::check),
    ("journal", journal::check),
    ("json", json::check),
    ("multipart", multipart::check),
    ("price", price::check),
    ("question", question::check),
    ("refusal", refusal::check),
    ("request", request::check),
    ("restream", restream::check),
    ("route", route::check),
    ("splice", splice::check),
    ("stored_key", stored_key::check),
    ("usage_tap", usage_tap::check),
];
