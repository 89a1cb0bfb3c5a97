//! Calls of tools: open to the end, for a model may write several at once.

use super::Reply;
use crate::bridge::responses::chunk;
use crate::bridge::responses::items::{Call, End};
use crate::bridge::responses::tools::{Kind, Tool};
use crate::wire::json;

impl Reply {
    pub(super) fn call(&mut self, number: u64, call: &chunk::Call<'_>, out: &mut Vec<u8>) {
        self.close(End::Completed, out);
        let place = match self.calls.iter().position(|known| known.number == number) {
            Some(place) => place,
            None => self.begin_call(number),
        };
        let Some(known) = self.calls.get_mut(place) else { return };
        let added = known.take(call);
        self.held += added.len();
        if known.name.is_empty() {
            return;
        }
        let plan = self.plan.clone();
        let tool = plan.tools.called(&known.name);
        let (index, id) = (known.index, known.id(&plan.echo.id, tool));
        let mut told = added.to_owned();
        if !std::mem::replace(&mut known.is_told, true) {
            let item = known.item(&plan.echo.id, tool, None);
            known.arguments.clone_into(&mut told);
            self.item_event(out, "added", index, &item);
        }
        // The input of a tool with free text stands inside the arguments: it can be told only when it is whole.
        if !told.is_empty() && tool.is_none_or(|tool| tool.kind == Kind::Function) {
            let members = format_args!("\"item_id\":\"{id}\",\"output_index\":{index},\"delta\":\"{told}\"");
            self.events.write(out, "response.function_call_arguments.delta", members);
        }
    }

    fn begin_call(&mut self, number: u64) -> usize {
        let index = self.place();
        let base = self.plan.echo.id.strip_prefix("resp_").unwrap_or_default();
        self.calls.push(Call {
            number,
            index,
            call_id: format!("call_{base}_{index}"),
            name: String::new(),
            arguments: String::new(),
            is_told: false,
        });
        self.calls.len() - 1
    }

    pub(super) fn close_all(&mut self, end: End, out: &mut Vec<u8>) {
        self.close(end, out);
        let plan = self.plan.clone();
        for call in std::mem::take(&mut self.calls) {
            let tool = plan.tools.called(&call.name);
            if !call.is_told {
                self.item_event(out, "added", call.index, &call.item(&plan.echo.id, tool, None));
            }
            self.close_call(&call, tool, end, out);
            self.calls.push(call);
        }
    }

    fn close_call(&mut self, call: &Call, tool: Option<&Tool>, end: End, out: &mut Vec<u8>) {
        let response = &self.plan.echo.id;
        let (index, item) = (call.index, call.item(response, tool, Some(end)));
        let place = format!("\"item_id\":\"{}\",\"output_index\":{index}", call.id(response, tool));
        if tool.is_some_and(|tool| tool.kind == Kind::Custom) {
            let input = call.input();
            self.events.add(out, "response.custom_tool_call_input.delta", &format!("{place},\"delta\":\"{input}\""));
            self.events.add(out, "response.custom_tool_call_input.done", &format!("{place},\"input\":\"{input}\""));
        } else {
            let name = json::quote(tool.map_or(&call.name, |tool| &tool.name));
            let done = format!("{place},\"name\":{name},\"arguments\":\"{}\"", call.arguments);
            self.events.add(out, "response.function_call_arguments.done", &done);
        }
        self.item_event(out, "done", index, &item);
        self.done.push((index, item));
    }
}
