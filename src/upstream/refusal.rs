//! What the upstream means when it refuses: its bodies have four shapes and its codes lie, so the
//! cause is read from status, code and text together (siliconflow-api.md, section 15).
//!
//! Pure: bytes in, [`Refusal`] out.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::quota::metric::Metric;

/// The cause of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The model id is wrong or withdrawn.
    ModelUnknown,
    /// The model is switched off.
    ModelDisabled,
    /// Prompt and answer do not fit the model.
    ContextTooLong,
    /// The model has no thinking switch.
    ThinkingUnsupported,
    /// The model has no JSON mode.
    JsonUnsupported,
    /// Another parameter is wrong.
    Parameter,
    /// The gateway's own key is wrong.
    KeyInvalid,
    /// The account has no money.
    Balance,
    /// The account's owner has not been identified.
    Identity,
    /// Refused without a reason that is known.
    Forbidden,
    /// No such path.
    NotFound,
    /// The path was withdrawn.
    Gone,
    /// The body is too large.
    TooLarge,
    /// A quota is used up.
    RateLimit(Option<Metric>),
    /// Overloaded.
    Busy,
    /// It gave up waiting for the model.
    Timeout,
    /// Anything else on its side.
    Server,
    /// Anything else on the caller's side.
    Caller,
}

/// A refusal, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The upstream's HTTP status.
    pub status: u16,
    /// Its own code, where the body had one.
    pub code: Option<i64>,
    /// Its own text, shortened; empty when it sent none that can be read.
    pub text: String,
    /// What it comes down to.
    pub cause: Cause,
    /// How long the upstream asks to wait, where it says so in a way that makes sense.
    pub retry_after: Option<Duration>,
    /// The upstream's id of the refused request; its support asks for it.
    pub trace_id: Option<String>,
}

/// The longest `retry-after` that makes sense: every quota turns within a day.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Text of the upstream beyond this is cut (characters; ours).
const MAX_TEXT: usize = 500;

impl Refusal {
    /// Reads the answer to a request that was refused with `status`; 200 is a refusal inside an
    /// answer that pretended to be good.
    pub fn read(status: u16, body: &[u8]) -> Self {
        let (code, text) = code_and_text(body);
        let cause = cause(status, code, &text);
        Self { status, code, text, cause, retry_after: None, trace_id: None }
    }

    /// Takes the upstream's `retry-after` into account: seconds, or a date as seen at `now`. Zero,
    /// nonsense and more than a day are not believed.
    #[must_use]
    pub fn with_retry_after(self, header: Option<&str>, now: SystemTime) -> Self {
        let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
        let date = |text: &str| httpdate::parse_http_date(text).ok()?.duration_since(now).ok();
        let wait = header.and_then(|text| seconds(text).or_else(|| date(text)));
        let retry_after = wait.filter(|wait| !wait.is_zero() && *wait <= LONGEST_WAIT);
        Self { retry_after, ..self }
    }

    /// `[SiliconFlow 429, code 50602: "..."]`: what support will ask for.
    pub fn quote(&self) -> String {
        let code = self.code.map(|code| format!(", code {code}")).unwrap_or_default();
        if self.text.is_empty() {
            return format!("[SiliconFlow {}{code}, no text]", self.status);
        }
        format!("[SiliconFlow {}{code}: \"{}\"]", self.status, self.text)
    }
}

fn code_and_text(body: &[u8]) -> (Option<i64>, String) {
    let (code, text) = match serde_json::from_slice::<Value>(body) {
        Ok(Value::String(text)) => (None, text),
        Ok(Value::Object(object)) => {
            let inner = object.get("error").and_then(Value::as_object).unwrap_or(&object);
            let code = inner.get("code").and_then(Value::as_i64);
            let text = ["message", "error", "msg"].iter().find_map(|key| inner.get(*key)?.as_str());
            (code, text.unwrap_or_default().to_owned())
        }
        Ok(_) => (None, String::new()),
        Err(_) => (None, plain_text(body)),
    };
    (code, text.trim().chars().take(MAX_TEXT).collect())
}

/// Text that is not JSON; a page of HTML says nothing that a caller could use.
fn plain_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if text.trim_start().starts_with('<') { String::new() } else { text.into_owned() }
}

fn cause(status: u16, code: Option<i64>, text: &str) -> Cause {
    match status {
        200 | 400 | 422 => cause_of_code(code, text),
        401 => Cause::KeyInvalid,
        402 => Cause::Balance,
        403 => forbidden(code, text),
        404 => {
            if code == Some(20012) {
                Cause::ModelUnknown
            } else {
                Cause::NotFound
            }
        }
        410 => Cause::Gone,
        413 => Cause::TooLarge,
        429 => Cause::RateLimit(metric(text)),
        503 => Cause::Busy,
        504 => Cause::Timeout,
        500.. => Cause::Server,
        _ => Cause::Caller,
    }
}

/// The cause where the status does not tell it. Texts before codes: 20012 stands for a wrong key
/// as well as for a wrong model, 50603 for overload as well as for a TPM limit.
fn cause_of_code(code: Option<i64>, text: &str) -> Cause {
    let lower = text.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("model does not exist") {
        Cause::ModelUnknown
    } else if has("max_prompt_tokens") || has("max_seq_len") || has("maximum context length") {
        Cause::ContextTooLong
    } else if has("enable_thinking") {
        Cause::ThinkingUnsupported
    } else if code == Some(20024) || has("json mode is not supported") {
        Cause::JsonUnsupported
    } else if has("rate limit") {
        Cause::RateLimit(metric(text))
    } else if has("busy") || has("overloaded") {
        Cause::Busy
    } else {
        match code {
            Some(20012) if has("key") => Cause::KeyInvalid,
            Some(20012) => Cause::ModelUnknown,
            Some(30001) => Cause::Balance,
            Some(30003) => Cause::ModelDisabled,
            Some(50000..) => Cause::Server,
            _ => Cause::Parameter,
        }
    }
}

fn forbidden(code: Option<i64>, text: &str) -> Cause {
    let lower = text.to_ascii_lowercase();
    if lower.contains("identity verification") || lower.contains("real name") {
        Cause::Identity
    } else if code == Some(30003) || lower.contains("model disabled") {
        Cause::ModelDisabled
    } else if code == Some(30001) || lower.contains("balance") {
        Cause::Balance
    } else {
        Cause::Forbidden
    }
}

/// The metric named in a 429's text, as a word of its own; the code is no guide.
pub fn metric(text: &str) -> Option<Metric> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).find_map(Metric::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row of siliconflow-api.md, section 15.
    #[test]
    fn reads_every_known_refusal() {
        let limited = r#"{"code":50602,"message":"Request was rejected due to rate limiting. Details: TPM limit reached.","data":null}"#;
        for (status, body, expected) in [
            (
                400,
                r#"{"code":20012,"message":"Model does not exist. Please check it carefully.","data":null}"#,
                Cause::ModelUnknown,
            ),
            (400, r#"{"code":20015,"message":"The parameter is invalid. Please check again."}"#, Cause::Parameter),
            (
                400,
                r#"{"code":20015,"message":"Value error, current model does not support parameter `enable_thinking`."}"#,
                Cause::ThinkingUnsupported,
            ),
            (
                400,
                r#"{"code":20015,"message":"thinking_budget: Must be less than or equal to 32768"}"#,
                Cause::Parameter,
            ),
            (
                400,
                r#"{"code":20015,"message":"number of input tokens (99000) has exceeded max_prompt_tokens (98304) limit."}"#,
                Cause::ContextTooLong,
            ),
            (
                400,
                r#"{"code":20015,"message":"length of prompt_tokens (68957) must be less than max_seq_len (65536).","data":null}"#,
                Cause::ContextTooLong,
            ),
            (
                400,
                r#"{"code":20024,"message":"Json mode is not supported for this model.","data":null}"#,
                Cause::JsonUnsupported,
            ),
            (401, r#""Invalid token""#, Cause::KeyInvalid),
            (401, r#"{"code":20012,"message":"Api key is invalid"}"#, Cause::KeyInvalid),
            (402, r#""No enough balance""#, Cause::Balance),
            (
                403,
                r#"{"code":30001,"message":"Sorry, your account balance is insufficient","data":null}"#,
                Cause::Balance,
            ),
            (403, r#"{"code":30003,"message":"Model disabled."}"#, Cause::ModelDisabled),
            (
                403,
                r#""RPM limit exceeded. Please complete identity verification to lift the restriction.""#,
                Cause::Identity,
            ),
            (403, r#""Forbidden""#, Cause::Forbidden),
            (404, "404 page not found", Cause::NotFound),
            (410, "", Cause::Gone),
            (429, limited, Cause::RateLimit(Some(Metric::Tpm))),
            (
                429,
                r#"{"message":"Request was rejected due to rate limiting. If you want more, please contact contact@siliconflow.cn. Details:RPM limit reached.","data":null}"#,
                Cause::RateLimit(Some(Metric::Rpm)),
            ),
            (429, r#"{"code":50604,"message":"... IPM limit reached."}"#, Cause::RateLimit(Some(Metric::Ipm))),
            (
                429,
                r#"{"message":"Details: RPD limit reached. Could only send 100 requests per day without real name verification."}"#,
                Cause::RateLimit(Some(Metric::Rpd)),
            ),
            (
                503,
                r#"{"code":50505,"message":"Model service overloaded. Please try again later.","data":null}"#,
                Cause::Busy,
            ),
            (
                503,
                r#"{"code":50603,"message":"System is really busy. Please try again later.","data":null}"#,
                Cause::Busy,
            ),
            (504, r#""upstream timeout""#, Cause::Timeout),
            (500, "<html>oops</html>", Cause::Server),
        ] {
            assert_eq!(Refusal::read(status, body.as_bytes()).cause, expected, "{status} {body}");
        }
    }

    #[test]
    fn reads_refusals_inside_a_200() {
        let cause = |body: &str| Refusal::read(200, body.as_bytes()).cause;
        assert_eq!(cause(r#"{"code":50505,"message":"Model service overloaded.","data":null}"#), Cause::Busy);
        assert_eq!(cause(r#"{"error":{"message":"x"}}"#), Cause::Parameter);
    }

    #[test]
    fn believes_a_sensible_retry_after() {
        let wait = |header| {
            let now = std::time::UNIX_EPOCH + Duration::from_secs(784_111_777);
            Refusal::read(429, b"").with_retry_after(Some(header), now).retry_after.map(|wait| wait.as_secs())
        };
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        for nonsense in ["0", "-1", "soon", "99999999999", "Sun, 06 Nov 1994 08:49:36 GMT", ""] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn quotes_the_upstream() {
        let refusal = Refusal::read(400, br#"{"code":20015,"message":"bad"}"#);
        assert_eq!(refusal.quote(), r#"[SiliconFlow 400, code 20015: "bad"]"#);
        assert_eq!(Refusal::read(502, b"<html>").quote(), "[SiliconFlow 502, no text]");
    }
}
