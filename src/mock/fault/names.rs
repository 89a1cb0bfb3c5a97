//! The list of faults: the only place where their names stand together, for people (`GET /mock/faults`,
//! `docs/emulator.md`) and for refusing a name that is none.

/// A fault's name and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedFault {
    /// The name to ask for it by.
    pub name: &'static str,
    /// One line.
    pub meaning: &'static str,
}

const fn fault(name: &'static str, meaning: &'static str) -> NamedFault {
    NamedFault { name, meaning }
}

/// Every fault.
pub const NAMES: &[NamedFault] = &[
    // SiliconFlow's own refusals.
    fault("bad-model-20012", "400, the model does not exist"),
    fault("param-20015", "400, the parameter is invalid"),
    fault(
        "thinking-20015",
        "400, the model does not take enable_thinking",
    ),
    fault("budget-20015", "400, thinking_budget above 32768"),
    fault(
        "overflow",
        "400, context overflow (max_prompt_tokens wording)",
    ),
    fault(
        "overflow-seq",
        "400, context overflow (max_seq_len wording)",
    ),
    fault("overflow-2025", "400, context overflow (wording of 2025)"),
    fault("json-20024", "400, JSON mode not supported"),
    fault(
        "thinking-type",
        "400, the /messages text about adaptive thinking",
    ),
    fault("token-401", "401, bare string \"Invalid token\""),
    fault("key-401", "401, bare string \"Api key is invalid\""),
    fault("token-401-object", "401 as an object with code 20012"),
    fault("balance-402", "402, bare string \"No enough balance\""),
    fault("balance-403", "403 code 30001, balance insufficient"),
    fault("disabled-403", "403 code 30003, model disabled"),
    fault(
        "identity-403",
        "403, bare string that looks like a rate limit and is not",
    ),
    fault("forbidden-403", "403, bare string \"Forbidden\""),
    fault("404", "404, bare JSON string"),
    fault("404-plain", "404, the same as plain text"),
    fault("410", "410, withdrawn"),
    fault("tpm-429", "429 code 50602, TPM"),
    fault("tpm-429-nocode", "429 without a code, TPM"),
    fault(
        "tpm-429-contact",
        "429 without a code, TPM, with the \"If you want more\" sentence",
    ),
    fault("tpm-429-50603", "429 code 50603, TPM"),
    fault("tpd-429", "429 code 50602, TPD"),
    fault("rpm-429", "429 code 50602, RPM"),
    fault("rph-429", "429 code 50602, RPH"),
    fault(
        "rpd-429",
        "429, RPD, with the sentence about real-name verification",
    ),
    fault("ipm-429", "429 code 50604, IPM"),
    fault("ipd-429", "429 code 50604, IPD"),
    fault("overload-503", "503 code 50505, overloaded"),
    fault("busy-503", "503 code 50603, really busy"),
    fault("toobusy-503", "503 code 50508, too busy"),
    fault("timeout-504", "504, bare string"),
    fault("500", "500, an error without a known shape"),
    fault("502-html", "502, an HTML page of a proxy"),
    fault(
        "echo-key",
        "400 whose text holds the Authorization header it got",
    ),
    // Refusals that go away.
    fault(
        "flaky-503",
        "503 code 50505 for the first N requests (3), then fine",
    ),
    fault(
        "flaky-429",
        "429 TPM for the first N requests (3), then fine",
    ),
    fault("flaky-500", "500 for the first N requests (3), then fine"),
    fault(
        "flaky-reset",
        "RST before the head for the first N requests (3), then fine",
    ),
    // A 200 that is none.
    fault("200-error", "200 with an error object inside"),
    fault("200-html", "200 with an HTML page"),
    fault("200-empty", "200 with no body"),
    fault("200-garbage", "200 with JSON cut off in the middle"),
    fault("gzip-unasked", "200, gzip though nobody asked"),
    fault("redirect", "302 (or the status N) to another host"),
    // The head.
    fault("no-head", "takes the request and never answers"),
    fault(
        "slow-head",
        "waits N ms (1000) before anything, then answers as usual",
    ),
    fault("drip-head", "the head one byte every N ms (20)"),
    fault(
        "half-head",
        "half a head, then a clean close; with :hang nothing more",
    ),
    fault(
        "close-before-head",
        "a clean close (FIN) instead of an answer",
    ),
    fault("reset-before-head", "RST instead of an answer"),
    fault("garbage-head", "bytes that are not HTTP"),
    fault("big-head", "a header of N bytes (1,048,576)"),
    fault("1xx-flood", "N interim answers (10,000) before the answer"),
    fault(
        "length-short",
        "Content-Length larger than the body, then a close",
    ),
    fault(
        "length-long",
        "Content-Length smaller than the body: bytes of nobody follow",
    ),
    fault(
        "keepalive-lie",
        "says keep-alive and closes after the answer",
    ),
    // The body. N is how many events (3) go before it happens.
    fault("stall", "stops sending after N events, connection open"),
    fault(
        "pause",
        "stops for N ms (1000) after the third event, then goes on",
    ),
    fault("reset", "RST after N events"),
    fault(
        "cut",
        "clean close (FIN) after N events, without the last chunk",
    ),
    fault(
        "end-early",
        "proper end of the body after N events, without [DONE]",
    ),
    fault("bad-chunk", "a chunk size that is no number after N events"),
    fault(
        "error-event",
        "SiliconFlow's error object as an event after N events, then the end",
    ),
    fault("no-done", "no [DONE] at the end"),
    fault("after-done", "events after [DONE]"),
    fault("no-usage", "no usage anywhere (billed all the same)"),
    fault("usage-every", "cumulative usage in every chunk"),
    fault("usage-last", "usage in one more chunk with empty choices"),
    fault("usage-finish", "usage on the finish chunk"),
    fault("usage-twice", "usage on the finish chunk and once more"),
    fault(
        "huge-usage",
        "token counts of N (18446744073709551615); billed are the real ones",
    ),
    fault("eos", "finish_reason \"eos\""),
    fault(
        "answer-in-reasoning",
        "empty content, the whole answer in reasoning_content",
    ),
    fault("cr-lines", "lines end with CR"),
    fault("crlf-lines", "lines end with CRLF"),
    fault("one-byte", "one byte a write"),
    fault("all-at-once", "the whole stream in one write"),
    fault("garbage", "lines that are no events between the events"),
    fault("bad-json", "an event that is no JSON after N events"),
    fault("event-lines", "event, id and retry lines with every event"),
    fault("comments", "comment lines between the events"),
    fault("endless-line", "a line that never ends after N events"),
    fault("endless-stream", "the same event for ever after N events"),
    // Other endpoints.
    fault(
        "empty-text",
        "transcription: 200 with empty text, as reported under throttling",
    ),
    fault("no-results", "rerank: no results key at all"),
    fault("picture-404", "pictures: the URL answers 404"),
    fault(
        "picture-redirect",
        "pictures: the URL redirects to a private address",
    ),
    fault("picture-private", "pictures: the URL is a private address"),
    fault("picture-html", "pictures: the URL gives an HTML page"),
    fault("picture-endless", "pictures: the URL never ends"),
    fault("picture-expired", "pictures: the URL has expired already"),
    fault(
        "no-data",
        "pictures: an answer without the data array, as in 2024",
    ),
    fault("video-failed", "video: the job fails"),
];
