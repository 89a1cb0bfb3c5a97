//! SiliconFlow's refusals by fault name: API reference section 15, row by row, plus variants seen once.

use super::Fault;
use crate::mock::refusal::{Refusal, limit_text};
use axum::http::HeaderMap;

const BUSY: [(&str, u32, &str); 3] = [
    ("overload-503", 50505, "Model service overloaded. Please try again later."),
    ("busy-503", 50603, "System is really busy. Please try again later."),
    ("toobusy-503", 50508, "System is too busy now. Please try again later."),
];

/// The refusal a fault stands for. `retry-after=V` adds that header; for 429 and 503 so does a parameter.
pub(super) fn refusal(fault: &Fault, headers: &HeaderMap) -> Option<Refusal> {
    let name = fault.name.as_str();
    let mut refusal =
        limit(name).or_else(|| overload(name)).or_else(|| key(name, headers)).or_else(|| request(name))?;
    let by_param = || fault.param.as_deref().filter(|_| matches!(refusal.status.as_u16(), 429 | 503));
    refusal.retry_after = fault.option("retry-after").or_else(by_param).map(str::to_owned);
    Some(refusal)
}

fn request(name: &str) -> Option<Refusal> {
    Some(match name {
        "bad-model-20012" => Refusal::bad_model(),
        "param-20015" => Refusal::bad_parameter(),
        "thinking-20015" => {
            Refusal::parameter("Value error, current model does not support parameter `enable_thinking`.")
        }
        "budget-20015" => Refusal::parameter("thinking_budget: Must be less than or equal to 32768"),
        "overflow" => {
            Refusal::parameter("number of input tokens (120000) has exceeded max_prompt_tokens (98304) limit.")
        }
        "overflow-seq" => {
            Refusal::parameter("number of input tokens (150000) has exceeded max_seq_len (131072) limit.")
        }
        "overflow-2025" => Refusal::parameter("length of prompt_tokens (68957) must be less than max_seq_len (65536)."),
        "json-20024" => Refusal::no_json_mode(),
        "thinking-type" => Refusal::parameter("thinking type should be enabled or disabled"),
        "404" => Refusal::not_found(),
        "410" => Refusal::withdrawn(),
        _ => return None,
    })
}

fn key(name: &str, headers: &HeaderMap) -> Option<Refusal> {
    Some(match name {
        "token-401" => Refusal::bad_token(),
        "key-401" => Refusal::bare(401, "Api key is invalid"),
        "token-401-object" => Refusal::bad_token_object(),
        "balance-402" => Refusal::bare(402, "No enough balance"),
        "balance-403" => Refusal::coded(403, 30001, "Sorry, your account balance is insufficient"),
        "disabled-403" => Refusal::coded(403, 30003, "Model disabled."),
        "identity-403" => {
            Refusal::bare(403, "RPM limit exceeded. Please complete identity verification to lift the restriction.")
        }
        "forbidden-403" => Refusal::bare(403, "Forbidden"),
        "echo-key" => Refusal::parameter(format!("The request with {} is invalid.", sent_key(headers))),
        _ => return None,
    })
}

fn sent_key(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    text("authorization").or_else(|| text("x-api-key")).unwrap_or_default()
}

fn limit(name: &str) -> Option<Refusal> {
    const PLAIN: &str = "Request was rejected due to rate limiting. If you want more, please contact \
                         contact@siliconflow.cn. Details:TPM limit reached.";
    const UNVERIFIED: &str = "Request was rejected due to rate limiting. Details: RPD limit reached. Could only send \
                              100 requests per day without real name verification.";
    Some(match name {
        "tpm-429" => Refusal::rate_limited("TPM"),
        "tpm-429-nocode" => Refusal::uncoded(429, &limit_text("TPM")),
        "tpm-429-contact" => Refusal::uncoded(429, PLAIN),
        "tpm-429-50603" => Refusal::coded(429, 50603, limit_text("TPM")),
        "tpd-429" => Refusal::rate_limited("TPD"),
        "rpm-429" => Refusal::rate_limited("RPM"),
        "rph-429" => Refusal::rate_limited("RPH"),
        "rpd-429" => Refusal::uncoded(429, UNVERIFIED),
        "ipm-429" => Refusal::rate_limited("IPM"),
        "ipd-429" => Refusal::rate_limited("IPD"),
        _ => return None,
    })
}

fn overload(name: &str) -> Option<Refusal> {
    if let Some((_, code, text)) = BUSY.iter().find(|(own, ..)| *own == name) {
        return Some(Refusal::coded(503, *code, *text));
    }
    match name {
        "timeout-504" => Some(Refusal::bare(504, "upstream request timeout")),
        "500" => Some(Refusal::bare(500, "Internal Server Error")),
        _ => None,
    }
}
