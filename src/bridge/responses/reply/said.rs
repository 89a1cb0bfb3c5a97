//! What is thought and said: one item at a time, each with one part, told piece by piece.

use super::{Open, Reply};
use crate::bridge::responses::items::{self, End};
use crate::bridge::responses::write::{array, literal};

impl Reply {
    pub(super) fn think(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let (index, id) = self.opened(true, out);
        self.events.write(
            out,
            "response.reasoning_summary_text.delta",
            format_args!("\"item_id\":\"{id}\",\"output_index\":{index},\"summary_index\":0,\"delta\":\"{text}\""),
        );
        self.grow(text, &[]);
    }

    pub(super) fn say(&mut self, text: &str, logprobs: &[&str], out: &mut Vec<u8>) {
        let (index, id) = self.opened(false, out);
        self.has_message = true;
        if text.is_empty() {
            return;
        }
        let tokens = array(logprobs);
        self.events.write(
            out,
            "response.output_text.delta",
            format_args!(
                "\"item_id\":\"{id}\",\"output_index\":{index},\"content_index\":0,\"delta\":\"{text}\",\"logprobs\":{tokens}"
            ),
        );
        self.grow(text, logprobs);
    }

    fn grow(&mut self, text: &str, logprobs: &[&str]) {
        self.held += text.len() + logprobs.iter().map(|token| token.len()).sum::<usize>();
        if let Some(open) = &mut self.open {
            open.text.push_str(text);
            open.logprobs.extend(logprobs.iter().map(|&token| token.to_owned()));
        }
    }

    /// Place and id of the item that goes on; a new one where the model has turned to something else.
    fn opened(&mut self, is_thought: bool, out: &mut Vec<u8>) -> (usize, String) {
        if let Some(open) = self.open.as_ref().filter(|open| open.is_thought == is_thought) {
            return (open.index, self.id(is_thought, open.index));
        }
        self.close(End::Completed, out);
        let index = self.place();
        let id = self.id(is_thought, index);
        let (item, kind, at, part) = if is_thought {
            (
                items::thought(&id, None, false),
                "response.reasoning_summary_part.added",
                "summary_index",
                items::summary_part(""),
            )
        } else {
            (items::message(&id, None, None), "response.content_part.added", "content_index", items::text_part("", &[]))
        };
        self.item_event(out, "added", index, &item);
        let members = format!("\"item_id\":\"{id}\",\"output_index\":{index},\"{at}\":0,\"part\":{part}");
        self.events.add(out, kind, &members);
        self.open = Some(Open { index, is_thought, text: String::new(), logprobs: Vec::new() });
        (index, id)
    }

    fn id(&self, is_thought: bool, index: usize) -> String {
        items::id(if is_thought { "rs" } else { "msg" }, &self.plan.echo.id, index)
    }

    /// Closes what is being thought or said, if anything.
    pub(super) fn close(&mut self, end: End, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        let (index, text) = (open.index, &open.text);
        let id = self.id(open.is_thought, index);
        let place = format!("\"item_id\":\"{id}\",\"output_index\":{index}");
        let item = if open.is_thought {
            let part = items::summary_part(text);
            let done = format!("{place},\"summary_index\":0,\"text\":{}", literal(text));
            self.events.add(out, "response.reasoning_summary_text.done", &done);
            let done = format!("{place},\"summary_index\":0,\"part\":{part}");
            self.events.add(out, "response.reasoning_summary_part.done", &done);
            items::thought(&id, Some(text), self.plan.is_reasoning_encoded)
        } else {
            let part = items::text_part(text, &open.logprobs);
            let tokens = array(&open.logprobs);
            let done = format!("{place},\"content_index\":0,\"text\":{},\"logprobs\":{tokens}", literal(text));
            self.events.add(out, "response.output_text.done", &done);
            self.events.add(out, "response.content_part.done", &format!("{place},\"content_index\":0,\"part\":{part}"));
            items::message(&id, Some(&part), Some(end))
        };
        self.item_event(out, "done", index, &item);
        self.done.push((index, item));
    }
}
