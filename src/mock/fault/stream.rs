//! Faults of a body: what was going to be sent is bent into what is. Works on any body sent in frames; for one JSON
//! document the frames are its halves.

use super::Fault;
use crate::mock::play::{Frame, Step};
use crate::mock::wire::Act;
use bytes::Bytes;
use std::time::Duration;

const ERROR: &str =
    "data: {\"code\":50505,\"message\":\"Model service overloaded. Please try again later.\",\"data\":null}\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

/// The steps that play `frames` under the fault.
pub(in crate::mock) fn bend(fault: Option<&Fault>, frames: Vec<Frame>) -> Vec<Step> {
    let Some(fault) = fault else {
        return send(frames);
    };
    if let Some(end) = breaking(fault, &frames) {
        let kept = usize::try_from(fault.number(3)).unwrap_or(usize::MAX).min(frames.len().saturating_sub(1));
        return send(frames.into_iter().take(kept).collect()).into_iter().chain(end).collect();
    }
    match fault.name.as_str() {
        "pause" => paused(frames, Duration::from_millis(fault.number(1_000))),
        "bad-json" => with_inserted(frames, fault.number(3), "data: {\"choices\": [oops\n\n"),
        _ => send(rewritten(&fault.name, frames)),
    }
}

fn send(frames: Vec<Frame>) -> Vec<Step> {
    frames.into_iter().map(Step::Send).collect()
}

/// What follows the kept frames when the body does not come to its end.
fn breaking(fault: &Fault, frames: &[Frame]) -> Option<Vec<Step>> {
    let text = |text: &'static str| Step::Send(Frame::plain(text));
    Some(match fault.name.as_str() {
        "stall" => vec![Step::Stall],
        "reset" => vec![Step::Break(vec![Act::Reset])],
        "cut" => vec![Step::Break(vec![])],
        "end-early" => vec![],
        "bad-chunk" => vec![Step::Break(vec![Act::Write(Bytes::from_static(b"XYZ\r\nnot a chunk\r\n"))])],
        "error-event" => vec![text(ERROR)],
        "endless-line" => {
            vec![text("data: {\"choices\":[{\"delta\":{\"content\":\""), Step::Forever(Bytes::from("a".repeat(16_384)))]
        }
        "endless-stream" => vec![Step::Forever(frames.get(1).map(|frame| frame.bytes.clone()).unwrap_or_default())],
        _ => return None,
    })
}

fn paused(frames: Vec<Frame>, time: Duration) -> Vec<Step> {
    let place = frames.len().saturating_sub(1).min(3);
    let mut steps = send(frames);
    steps.insert(place, Step::Wait(time));
    steps
}

fn with_inserted(mut frames: Vec<Frame>, place: u64, text: &'static str) -> Vec<Step> {
    let place = usize::try_from(place).unwrap_or(usize::MAX).min(frames.len());
    frames.insert(place, Frame::plain(text));
    send(frames)
}

/// Faults that change the bytes and keep the order.
fn rewritten(name: &str, mut frames: Vec<Frame>) -> Vec<Frame> {
    match name {
        "no-done" => frames.retain(|frame| frame.bytes != DONE),
        // Billed already, with the answer.
        "after-done" => frames.extend(frames.get(1).cloned().map(|frame| Frame { bill: None, ..frame })),
        "cr-lines" => frames.iter_mut().for_each(|frame| end_lines_with(frame, "\r")),
        "crlf-lines" => frames.iter_mut().for_each(|frame| end_lines_with(frame, "\r\n")),
        "one-byte" => return frames.into_iter().flat_map(bytewise).collect(),
        "all-at-once" => return vec![joined(&frames)],
        "garbage" => before_each(&mut frames, b"this is no event\n:\n\xff\xfe\x00 neither is this\nfoo: bar\n\n"),
        "event-lines" => before_each(&mut frames, b"event: message\nid: 7\nretry: 3000\n"),
        "comments" => before_each(&mut frames, b": keep-alive\n\n"),
        _ => {}
    }
    frames
}

fn end_lines_with(frame: &mut Frame, end: &str) {
    frame.bytes = Bytes::from(String::from_utf8_lossy(&frame.bytes).replace('\n', end));
}

fn bytewise(frame: Frame) -> impl Iterator<Item = Frame> {
    let last = frame.bytes.len().saturating_sub(1);
    (0..frame.bytes.len()).map(move |place| Frame {
        bytes: frame.bytes.slice(place..=place),
        bill: frame.bill.filter(|_| place == last),
        paced: false,
    })
}

fn joined(frames: &[Frame]) -> Frame {
    let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.iter().copied()).collect();
    Frame { bytes: Bytes::from(bytes), bill: frames.iter().rev().find_map(|frame| frame.bill), paced: false }
}

fn before_each(frames: &mut [Frame], text: &[u8]) {
    for frame in frames {
        frame.bytes = [text, &frame.bytes].concat().into();
    }
}
