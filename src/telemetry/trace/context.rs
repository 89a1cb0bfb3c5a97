//! W3C Trace Context: which trace a request belongs to, as its caller says in `traceparent` (Recommendation of 2021-11-23). Pure.

use std::fmt;

use http::{HeaderMap, HeaderName};

/// The header that names trace and parent.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header of what tracing systems on the way have to add.
pub(super) const TRACESTATE: &str = "tracestate";

/// The id of a trace; written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(pub(super) [u8; 16]);

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A place in a trace: what a `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceContext {
    pub(super) trace: TraceId,
    /// The span that is the parent of what comes.
    pub(super) span: u64,
    pub(super) is_sampled: bool,
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

impl TraceContext {
    /// What the caller says; `None` where it says nothing, or nothing that the standard allows.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let (Some(only), None) = (all.next(), all.next()) else { return None };
        Self::parse(only.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let version = hex(parts.next()?, 2)?;
        let (trace, span, flags) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
        // Later versions may have more to say; the first one has not, and the last one is none.
        let is_version = version != 0xff && (version != 0 || parts.next().is_none());
        let is_valid = is_version && trace != 0 && span != 0;
        is_valid.then(|| Self { trace: TraceId(trace.to_be_bytes()), span: span as u64, is_sampled: flags & 1 == 1 })
    }
}

/// A number in so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u128::from_str_radix(text, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_written_is_what_was_read() {
        for text in [GOOD, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"] {
            assert_eq!(TraceContext::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(TraceContext::parse(GOOD).unwrap().trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    }

    #[test]
    fn only_what_the_standard_allows_is_a_parent() {
        for bad in [
            "",
            "00-kept",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more";
        assert_eq!(TraceContext::parse(later).unwrap().to_string(), GOOD);
    }

    #[test]
    fn two_parents_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, HeaderValue::from_static(GOOD));
        assert!(TraceContext::of(&headers).is_some());
        headers.append(TRACEPARENT, HeaderValue::from_static(GOOD));
        assert_eq!(TraceContext::of(&headers), None);
    }
}
