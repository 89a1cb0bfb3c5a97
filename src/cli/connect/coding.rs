//! Tools that write code over chat completions: Cline, Continue, aider, OpenCode. Where a source was read and the tool not run, the
//! document says so.

use super::change::{Setting, Value};
use super::guide::{Edit, Folders, Guide, Language, Section};
use super::target::{PLACEHOLDER, Target};

/// The most a model may say, where the catalogue does not know (ours; OpenCode asks for 32,000 by itself).
const USUAL_OUTPUT: u64 = 8_192;

/// A provider in `opencode.json`, by the AI SDK's package for compatible servers, which OpenCode brings.
///
/// # Errors
/// See [`Guide::of_file`].
pub(super) fn opencode(target: &Target, folders: &Folders) -> Result<Guide, String> {
    let model = |names: &[&str], value: Value| {
        let path = ["provider", "flowgate", "models", &target.model].iter().chain(names).copied().collect::<Vec<_>>();
        Setting::new(&path, value)
    };
    let key = target.key.as_ref().map_or_else(|| PLACEHOLDER.to_owned(), |variable| format!("{{env:{variable}}}"));
    let mut settings = vec![
        Setting::text(&["model"], format!("flowgate/{}", target.model)),
        Setting::text(&["provider", "flowgate", "npm"], "@ai-sdk/openai-compatible"),
        Setting::text(&["provider", "flowgate", "name"], "flowgate"),
        Setting::text(&["provider", "flowgate", "options", "baseURL"], target.base()),
        Setting::text(&["provider", "flowgate", "options", "apiKey"], key),
        model(&["name"], Value::Text(target.model.clone())),
    ];
    if let Some(context) = target.context {
        settings.push(model(&["limit", "context"], Value::Number(context)));
        settings.push(model(&["limit", "output"], Value::Number(target.most_output.unwrap_or(USUAL_OUTPUT))));
    }
    let guide = Guide::of_file(folders, folders.config().join("opencode").join("opencode.json"), Edit::Json(settings))?;
    let guide = with_key(guide, target, |variable| format!("export {variable}=fg-…"));
    Ok(guide.note("An `opencode.jsonc` there, or an `opencode.json` of a project, is read as well."))
}

/// `config.yaml`; it is made, never changed.
///
/// # Errors
/// See [`Guide::of_file`].
pub(super) fn continue_dev(target: &Target, folders: &Folders) -> Result<Guide, String> {
    let key =
        target.key.as_ref().map_or_else(|| PLACEHOLDER.to_owned(), |variable| format!("${{{{ secrets.{variable} }}}}"));
    let mut text = format!(
        "name: flowgate\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: flowgate\n    provider: openai\n    model: {}\n    \
         apiBase: {}\n    apiKey: {key}\n    roles: [chat, edit, apply]\n    capabilities: [{}]\n",
        yaml(&target.model),
        yaml(&target.base()),
        if target.sees { "tool_use, image_input" } else { "tool_use" },
    );
    if let Some(context) = target.context {
        text.push_str(&format!("    defaultCompletionOptions:\n      contextLength: {context}\n"));
    }
    let folder = folders.continue_dev();
    let env = folders.short(&folder.join(".env"));
    let guide = Guide::of_file(folders, folder.join("config.yaml"), Edit::Fresh(text))?;
    Ok(match &target.key {
        Some(variable) => guide.and(Section::new(env, Language::Shell, format!("{variable}=fg-…"))),
        None => guide,
    })
}

/// `.aider.conf.yml`; it is made, never changed.
///
/// # Errors
/// See [`Guide::of_file`].
pub(super) fn aider(target: &Target, folders: &Folders) -> Result<Guide, String> {
    // Everything behind `openai/` is the model's name for aider's LiteLLM.
    let model = yaml(&format!("openai/{}", target.model));
    let text = format!("model: {model}\nopenai-api-base: {}\n", yaml(&target.base()));
    let guide = Guide::of_file(folders, folders.home().join(".aider.conf.yml"), Edit::Fresh(text))?;
    let shell = format!("export AIDER_OPENAI_API_KEY={}", target.shell_key());
    Ok(guide
        .and(Section::new("your shell", Language::Shell, shell))
        .note("aider says that it does not know the model's window and costs; that does no harm."))
}

/// Steps: the extension keeps its settings in the editor.
///
/// # Errors
/// None; all guides have one shape.
#[expect(clippy::unnecessary_wraps, reason = "all guides have one shape")]
pub(super) fn cline(target: &Target, _: &Folders) -> Result<Guide, String> {
    let key = super::chats::key_to_type(target);
    let window = target.context.map_or_else(String::new, |tokens| format!("Context window   {tokens}\n"));
    let text = format!(
        "Open Cline's settings and fill in:\nAPI provider     OpenAI Compatible\nBase URL         {}\nAPI key          {key}\n\
         Model ID         {}\n{window}Supports images  {}",
        target.base(),
        target.model,
        if target.sees { "yes" } else { "no" },
    );
    Ok(Guide::default().and(Section::new("Cline", Language::Steps, text)))
}

fn with_key(guide: Guide, target: &Target, text: impl Fn(&str) -> String) -> Guide {
    match &target.key {
        Some(variable) => guide.and(Section::new("your shell", Language::Shell, text(variable))),
        None => guide,
    }
}

/// A plain word where YAML takes it for one, else in double quotes, which are those of JSON.
fn yaml(text: &str) -> String {
    let is_plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-:".contains(letter))
        && !text.ends_with(':')
        && text.contains('/');
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_yaml_reads_otherwise_are_quoted() {
        assert_eq!(yaml("Qwen/Qwen3-8B"), "Qwen/Qwen3-8B");
        assert_eq!(yaml("http://127.0.0.1:4000/v1"), "http://127.0.0.1:4000/v1");
        for odd in ["true", "1e3", "a/b: c", "a/b #c", "a/b:", "-a/b", "", "a/\"b"] {
            assert_eq!(yaml(odd), serde_json::Value::from(odd).to_string());
        }
    }
}
