//! From the upstream's answer to the caller: frames go through, the tap looks at them on the way,
//! and one settlement says at the end what it was, whatever ended it.
//!
//! The editors ([`chat_stream`], [`answer`], [`usage_tap`], [`restream`]) are pure state machines
//! over bytes and import no HTTP library; [`relayed`] drives them. Start with [`body::RelayBody`].

pub mod answer;
pub mod body;
pub mod broken;
pub mod chat_stream;
mod chunk;
pub mod collect;
pub mod cut;
pub mod entry;
pub mod estimated;
mod gathered;
pub mod leaving;
pub mod made;
mod paid;
pub mod relayed;
pub mod restream;
pub mod settle;
pub mod speech_stream;
pub mod translate;
pub mod usage;
pub mod usage_tap;
pub mod waiting;
