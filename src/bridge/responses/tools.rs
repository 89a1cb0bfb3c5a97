//! Tools on their way to the model, and their names on the way back: a chat model knows functions only, each by one name.

use super::edits::Edits;
use super::error::{refused, wrong_type};
use super::write::{Members, array, inner, literal};
use crate::bridge::BridgeError;
use crate::wire::json::{self, Object};

/// Longest name of a function (characters; siliconflow-api.md, section 2).
const LONGEST_NAME: usize = 64;
/// Parameters of a function that takes none.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;
/// Parameters of a function that stands for a tool with free input.
const FREE_PARAMETERS: &str = r#"{"type":"object","properties":{"input":{"type":"string","description":"The whole input of the tool, as it is."}},"required":["input"],"additionalProperties":false}"#;

/// How a tool is called in the Responses API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// With JSON.
    Function,
    /// With text.
    Custom,
}

/// A tool that the model may call.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    /// The function's name for the model.
    pub(super) chat_name: String,
    pub(super) kind: Kind,
    /// The caller's name for it.
    pub(super) name: String,
    /// The group that the caller has it in.
    pub(super) namespace: Option<String>,
    /// As the model gets it (JSON).
    chat: String,
}

/// The tools of one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools(Vec<Tool>);

/// The name that the model knows a tool by.
pub(super) fn chat_name(namespace: Option<&str>, name: &str) -> String {
    let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else { return name.to_owned() };
    let fits = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let whole: String = format!("{namespace}__{name}").chars().map(fits).collect();
    if whole.len() <= LONGEST_NAME {
        return whole;
    }
    // FNV-1a: two long names that begin alike stay two.
    let hash = whole
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{}_{:08x}", &whole[..LONGEST_NAME - 9], hash >> 32)
}

impl Tools {
    /// Reads `tools` (JSON). What no chat model can call is left out and named in `edits`.
    ///
    /// # Errors
    /// [`BridgeError`] when it cannot be understood.
    pub(super) fn read(tools: &str, edits: &mut Edits) -> Result<Self, BridgeError> {
        let list = json::elements(tools).ok_or_else(|| wrong_type("tools", "an array"))?;
        let mut read = Self::default();
        for (index, tool) in list.into_iter().enumerate() {
            let param = format!("tools[{index}]");
            let tool = Object::parse(tool).map_err(|_| wrong_type(&param, "an object"))?;
            read.add(&tool, &param, edits)?;
        }
        Ok(read)
    }

    /// Whether the model is offered anything.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps those only that `is_kept` says.
    pub(super) fn keep(&mut self, is_kept: impl Fn(&Tool) -> bool) {
        self.0.retain(is_kept);
    }

    /// The tool that the model calls `name`.
    pub(super) fn called(&self, name: &str) -> Option<&Tool> {
        self.0.iter().find(|tool| tool.chat_name == name)
    }

    /// The tool that the caller calls `name`.
    pub(super) fn named(&self, kind: Kind, namespace: Option<&str>, name: &str) -> Option<&Tool> {
        let is_it = |tool: &&Tool| tool.kind == kind && tool.name == name && tool.namespace.as_deref() == namespace;
        self.0.iter().find(is_it)
    }

    /// As a chat request has them.
    pub(super) fn chat(&self) -> String {
        array(&self.0.iter().map(|tool| &tool.chat).collect::<Vec<_>>())
    }

    fn add(&mut self, tool: &Object<'_>, param: &str, edits: &mut Edits) -> Result<(), BridgeError> {
        match tool.string("type").as_deref() {
            Some("function") => self.push(tool, Kind::Function, None, param, edits),
            Some("custom") => self.push(tool, Kind::Custom, None, param, edits),
            Some("namespace") => self.namespace(tool, param, edits),
            Some(other) => {
                edits.add(without(other));
                Ok(())
            }
            None => Err(refused(&format!("{param}.type"), "A tool needs a `type`.")),
        }
    }

    /// A group of tools: each by itself, its group's description before that of the first.
    fn namespace(&mut self, group: &Object<'_>, param: &str, edits: &mut Edits) -> Result<(), BridgeError> {
        let name =
            group.string("name").ok_or_else(|| refused(&format!("{param}.name"), "A namespace needs a `name`."))?;
        let mut about = group.get("description").and_then(|about| inner(about.value)).filter(|about| !about.is_empty());
        let tools = group.get("tools").and_then(|tools| json::elements(tools.value)).unwrap_or_default();
        for (index, tool) in tools.into_iter().enumerate() {
            let param = format!("{param}.tools[{index}]");
            let tool = Object::parse(tool).map_err(|_| wrong_type(&param, "an object"))?;
            let kind = match tool.string("type").as_deref() {
                Some("function") => Kind::Function,
                Some("custom") => Kind::Custom,
                other => {
                    edits.add(without(other.unwrap_or_default()));
                    continue;
                }
            };
            self.push(&tool, kind, Some((&name, about.take())), &param, edits)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        tool: &Object<'_>,
        kind: Kind,
        namespace: Option<(&str, Option<&str>)>,
        param: &str,
        edits: &mut Edits,
    ) -> Result<(), BridgeError> {
        let named = tool.string("name").filter(|name| !name.is_empty());
        let name = named.ok_or_else(|| refused(&format!("{param}.name"), "A tool needs a `name`."))?.into_owned();
        let chat_name = chat_name(namespace.map(|(group, _)| group), &name);
        let mut function = Members::new();
        function.text("name", &chat_name);
        let about = description(tool, kind, namespace.and_then(|(_, about)| about));
        function.maybe("description", about.map(|about| literal(&about)).as_deref());
        let own = tool.get("parameters").map(|parameters| parameters.value).filter(|value| *value != "null");
        let parameters = if kind == Kind::Custom { FREE_PARAMETERS } else { own.unwrap_or(NO_PARAMETERS) };
        function.raw("parameters", parameters);
        let strict = tool.get("strict").map(|strict| strict.value).filter(|strict| matches!(*strict, "true" | "false"));
        function.maybe("strict", strict);
        name_what_is_lost(tool, edits);
        let chat = Members::new().raw("type", "\"function\"").raw("function", &function.end()).end();
        let namespace = namespace.map(|(group, _)| group.to_owned());
        self.0.push(Tool { chat_name, kind, name, namespace, chat });
        Ok(())
    }
}

/// What it says about itself (the inside of a literal): of its group, its own, and the grammar of its input, which only
/// words can ask for.
fn description(tool: &Object<'_>, kind: Kind, group: Option<&str>) -> Option<String> {
    let own = tool.get("description").and_then(|about| inner(about.value)).filter(|about| !about.is_empty());
    let mut parts: Vec<String> = group.into_iter().chain(own).map(str::to_owned).collect();
    let format = tool.get("format").and_then(|format| Object::parse(format.value).ok());
    if let Some(format) = format.filter(|_| kind == Kind::Custom)
        && let Some(definition) = format.get("definition").and_then(|definition| inner(definition.value))
    {
        let syntax = format.get("syntax").and_then(|syntax| inner(syntax.value)).unwrap_or("lark");
        parts.push(format!("The input must follow this {syntax} grammar:\\n{definition}"));
    }
    Some(parts.join("\\n\\n")).filter(|about| !about.is_empty())
}

/// Members that mean something, and that no chat model knows.
fn name_what_is_lost(tool: &Object<'_>, edits: &mut Edits) {
    if tool.get("format").is_some_and(|format| format.value.contains("\"grammar\"")) {
        edits.add("without-grammar");
    }
    let is_set = |key: &str| tool.get(key).is_some_and(|member| !matches!(member.value, "null" | "false"));
    if ["defer_loading", "output_schema", "allowed_callers", "async"].into_iter().any(is_set) {
        edits.add("without-tool-options");
    }
}

/// The edit that a tool of the type `kind` is left out by.
fn without(kind: &str) -> &'static str {
    match kind {
        _ if kind.starts_with("web_search") => "without-web-search",
        "file_search" => "without-file-search",
        "code_interpreter" => "without-code-interpreter",
        "image_generation" => "without-image-generation",
        "mcp" => "without-mcp",
        "local_shell" | "shell" => "without-shell",
        "apply_patch" => "without-apply-patch",
        "tool_search" => "without-tool-search",
        _ if kind.starts_with("computer") => "without-computer",
        _ => "without-unknown-tools",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_stay_apart() {
        assert_eq!(chat_name(None, "a.b"), "a.b");
        assert_eq!(chat_name(Some("mcp.x"), "get me"), "mcp_x__get_me");
        let long = |end: &str| chat_name(Some(&"n".repeat(80)), end);
        assert!(long("a").len() == 64 && long("a") != long("b"));
    }
}
