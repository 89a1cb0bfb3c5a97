//! Which conversation a request belongs to: what all its requests have in common. What was said is hashed, never kept.

use super::exchange::Exchange;
use super::head::RequestHead;
use crate::quota::sticky::Conversation;
use crate::wire::json::{self, Object};

/// The conversation of `head`; `None` where there is none. The key and the model asked for are part of it; beyond that
/// the caller's own word (`prompt_cache_key`), else the beginning, up to the first thing that the user said.
pub(super) fn of(exchange: &Exchange, head: &RequestHead<'_>) -> Option<Conversation> {
    let value = |key: &str| head.object.get(key).map(|member| member.value).filter(|value| *value != "null");
    let sticky = &exchange.snapshot.quota.sticky;
    let own = [&*exchange.tenant.name, &*head.model];
    if let Some(key) = value("prompt_cache_key") {
        return Some(sticky.conversation(own.into_iter().chain(["prompt_cache_key", key])));
    }
    let messages = json::elements(value("messages")?)?;
    let is_users = |message: &&str| {
        Object::parse(message).is_ok_and(|message| message.string("role").is_some_and(|role| role == "user"))
    };
    let first = messages.iter().position(is_users)?;
    let whose = [value("user").unwrap_or_default(), value("system").unwrap_or_default()];
    let beginning = messages.iter().take(first + 1).copied();
    Some(sticky.conversation(own.into_iter().chain(whose).chain(beginning)))
}
