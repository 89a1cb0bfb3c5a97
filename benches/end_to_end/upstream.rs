//! The fast upstream, a role of the benchmark's own binary: SiliconFlow's chat endpoint with the thinking left out. One blocking
//! thread for each connection, because it must pace events more finely than a runtime's millisecond timer can.
//!
//! The caller says somewhere in the body what it wants, as `events=32 gap_us=500`. A gap of 0 means the whole answer
//! in one write. Every content event carries the time at which it was written, so that the caller can tell how long it took.

use std::{
    io::{BufRead as _, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use memchr::memmem;

use crate::wire::{self, Body};

/// The key that the upstream takes; whoever forwards a request must have put it there.
pub(crate) const KEY: &str = "bench-upstream-key";
/// The model whose stream tells the usage once, in a last chunk with empty `choices`.
pub(crate) const MODEL: &str = "Qwen/Qwen3-8B";
/// The model whose stream tells the usage so far in every chunk, which is SiliconFlow's habit for many models.
pub(crate) const MODEL_CUMULATIVE: &str = "THUDM/GLM-4-9B-0414";
/// Digits of a time stamp: nanoseconds since 1970, until the year 2286.
pub(crate) const STAMP_DIGITS: usize = 19;
/// What a plain answer must contain.
pub(crate) const PLAIN_MARK: &[u8] = b"\"object\":\"chat.completion\"";

/// Stack of a thread that only reads, sleeps and writes; a thousand of them must be cheap.
const STACK_BYTES: usize = 128 * 1024;

/// Serves on a free loopback port, says which on standard output and ends when standard input does.
///
/// # Errors
/// If it cannot listen or cannot say where.
pub(crate) fn run() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("upstream cannot listen")?;
    println!("{}", listener.local_addr()?.port());
    thread::Builder::new().spawn(move || {
        for socket in listener.incoming().flatten() {
            // A connection that cannot have a thread is closed, and the caller reports it.
            let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || serve(socket));
        }
    })?;
    std::io::stdin().lock().lines().for_each(drop);
    Ok(())
}

/// Answers requests on one connection until the caller closes it.
fn serve(mut socket: TcpStream) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    while let Some((head, body)) = receive(&mut socket, &mut buffer)? {
        answer(&mut socket, &head, &body)?;
    }
    Ok(())
}

/// The next request's head and body, or `None` when the caller has closed the connection.
fn receive(socket: &mut TcpStream, buffer: &mut [u8]) -> Result<Option<(String, Vec<u8>)>> {
    let mut begun = Vec::new();
    let head_len = loop {
        let read = socket.read(buffer)?;
        if read == 0 {
            return Ok(None);
        }
        begun.extend_from_slice(&buffer[..read]);
        if let Some(length) = wire::head_len(&begun)? {
            break length;
        }
    };
    let rest = begun.split_off(head_len);
    let head = String::from_utf8(begun).context("head is not text")?;
    let mut body = Body::announced_by(&head)?;
    let mut payload = Vec::with_capacity(rest.len());
    body.feed(&rest, &mut payload)?;
    while !body.is_done() {
        let read = socket.read(buffer)?;
        if read == 0 {
            return Ok(None);
        }
        body.feed(&buffer[..read], &mut payload)?;
    }
    Ok(Some((head, payload)))
}

/// Answers one request.
fn answer(socket: &mut TcpStream, head: &str, body: &[u8]) -> Result<()> {
    if wire::header(head, "authorization").and_then(|value| value.strip_prefix("Bearer ")) != Some(KEY) {
        return plain(socket, "401 Unauthorized", "\"Invalid token\"");
    }
    if head.starts_with("GET /v1/models") {
        return plain(socket, "200 OK", &format!(r#"{{"object":"list","data":[{}]}}"#, models()));
    }
    if !head.starts_with("POST /v1/chat/completions ") {
        return plain(socket, "404 Not Found", "\"404 page not found\"");
    }
    if memmem::find(body, b"\"stream\":true").is_some() {
        return stream(socket, body);
    }
    plain(socket, "200 OK", &completion())
}

/// The two models, as `GET /v1/models` lists them.
fn models() -> String {
    let one = |id| format!(r#"{{"id":"{id}","object":"model","created":0,"owned_by":""}}"#);
    [one(MODEL), one(MODEL_CUMULATIVE)].join(",")
}

/// A plain chat completion of about 600 bytes.
fn completion() -> String {
    format!(
        concat!(
            r#"{{"id":"0199f3a2b4c87d1e9f60a1b2c3d4e5f6","object":"chat.completion","created":1790000000,"model":"{model}","#,
            r#""choices":[{{"index":0,"message":{{"role":"assistant","content":"The sky is blue because air scatters short waves of "#,
            r#"light more than long ones, so that blue reaches the eye from every side."}},"finish_reason":"stop"}}],"#,
            r#""usage":{{"prompt_tokens":64,"completion_tokens":32,"total_tokens":96,"#,
            r#""completion_tokens_details":{{"reasoning_tokens":0}},"prompt_tokens_details":{{"cached_tokens":0}},"#,
            r#""prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":64}},"system_fingerprint":""}}"#,
        ),
        model = MODEL
    )
}

/// Sends a whole answer with a length.
fn plain(socket: &mut TcpStream, status: &str, json: &str) -> Result<()> {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\nx-siliconcloud-trace-id: ti_bench\r\n\
         content-length: {}\r\n\r\n{json}",
        json.len()
    );
    Ok(socket.write_all(answer.as_bytes())?)
}

/// Sends a stream: head and first event in one write, each further event in its own after the gap, then usage and `[DONE]`.
fn stream(socket: &mut TcpStream, body: &[u8]) -> Result<()> {
    let is_cumulative = memmem::find(body, MODEL_CUMULATIVE.as_bytes()).is_some();
    let model = if is_cumulative { MODEL_CUMULATIVE } else { MODEL };
    let events = number_after(body, b"events=").unwrap_or(32);
    let gap = Duration::from_micros(number_after(body, b"gap_us=").unwrap_or(500));
    let mut out = Vec::with_capacity(16 * 1024);
    out.extend_from_slice(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n\
          x-siliconcloud-trace-id: ti_bench\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    for event in 1..=events {
        if event > 1 && !gap.is_zero() {
            socket.write_all(&out)?;
            out.clear();
            thread::sleep(gap);
        }
        let usage = if is_cumulative { usage_member(event) } else { String::new() };
        let stamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
        chunk(
            &mut out,
            &format!(
                concat!(
                    r#"{{"id":"0199f3a2b4c87d1e9f60a1b2c3d4e5f6","object":"chat.completion.chunk","created":1790000000,"model":"{}","#,
                    r#""choices":[{{"index":0,"delta":{{"content":"@{:019} blue"}},"finish_reason":null}}],"system_fingerprint":""{}}}"#,
                ),
                model, stamp, usage
            ),
        )?;
    }
    if !gap.is_zero() {
        socket.write_all(&out)?;
        out.clear();
        thread::sleep(gap);
    }
    chunk(
        &mut out,
        &format!(
            concat!(
                r#"{{"id":"0199f3a2b4c87d1e9f60a1b2c3d4e5f6","object":"chat.completion.chunk","created":1790000000,"model":"{}","#,
                r#""choices":[],"system_fingerprint":""{}}}"#,
            ),
            model,
            usage_member(events)
        ),
    )?;
    chunk(&mut out, "[DONE]")?;
    out.extend_from_slice(b"0\r\n\r\n");
    Ok(socket.write_all(&out)?)
}

/// The `usage` member of a chunk after so many tokens of answer.
fn usage_member(tokens: u64) -> String {
    format!(r#","usage":{{"prompt_tokens":64,"completion_tokens":{tokens},"total_tokens":{}}}"#, tokens + 64)
}

/// Appends one event in a chunk of its own.
fn chunk(out: &mut Vec<u8>, data: &str) -> Result<()> {
    Ok(write!(out, "{:x}\r\ndata: {data}\n\n\r\n", data.len() + "data: \n\n".len())?)
}

/// The decimal number that follows `mark` in `text`.
fn number_after(text: &[u8], mark: &[u8]) -> Option<u64> {
    let digits = &text[memmem::find(text, mark)? + mark.len()..];
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..length]).ok()?.parse().ok()
}
