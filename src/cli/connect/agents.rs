//! Agents with a protocol of their own: Codex (Responses) and Claude Code (Messages). Read of Codex 0.169.0 and Claude Code
//! 2.1.330, 2026-11-22; `tests/clients` runs both with what is written here.

use super::change::{Setting, Value};
use super::guide::{Edit, Folders, Guide, Language, Section};
use super::target::{PLACEHOLDER, Target};

/// `config.toml`: a provider of our own beside OpenAI's, chosen as the default.
///
/// # Errors
/// See [`Guide::of_file`].
pub(super) fn codex(target: &Target, folders: &Folders) -> Result<Guide, String> {
    let provider = |name: &'static str| ["model_providers", "flowgate", name];
    let window = target.context.map(|tokens| Setting::new(&["model_context_window"], Value::Number(tokens)));
    let key = match &target.key {
        Some(variable) => Setting::text(&provider("env_key"), variable),
        // Codex does not start where the variable is empty.
        None => Setting::new(&provider("env_key"), Value::Gone),
    };
    let mut settings = vec![Setting::text(&["model"], &target.model), Setting::text(&["model_provider"], "flowgate")];
    settings.extend(window);
    settings.extend([
        Setting::text(&provider("name"), "flowgate"),
        Setting::text(&provider("base_url"), target.base()),
        key,
        Setting::text(&provider("wire_api"), "responses"),
    ]);
    let guide = Guide::of_file(folders, folders.codex().join("config.toml"), Edit::Toml(settings))?;
    let guide = match &target.key {
        Some(variable) => guide.and(Section::new("your shell", Language::Shell, format!("export {variable}=fg-…"))),
        None => guide,
    };
    Ok(guide.note(
        "Codex says that it does not know the model; that does no harm. A `model` or `model_provider` in a profile or on the \
         command line wins over these.",
    ))
}

/// `settings.json`: address and models as environment variables, which is how Claude Code takes them.
///
/// # Errors
/// See [`Guide::of_file`].
pub(super) fn claude_code(target: &Target, folders: &Folders) -> Result<Guide, String> {
    let env = |name: &'static str| ["env", name];
    let mut settings = vec![Setting::text(&env("ANTHROPIC_BASE_URL"), &target.root)];
    // The last three stand for what Claude Code calls opus, sonnet and haiku: subagents and background tasks ask for those.
    let models = ["MODEL", "DEFAULT_OPUS_MODEL", "DEFAULT_SONNET_MODEL", "DEFAULT_HAIKU_MODEL"];
    settings.extend(models.map(|name| Setting::text(&["env", &format!("ANTHROPIC_{name}")], &target.model)));
    // Without it a window of a million tokens is assumed for models that it does not know.
    let window = |tokens: u64| Setting::text(&env("CLAUDE_CODE_MAX_CONTEXT_TOKENS"), tokens.to_string());
    settings.extend(target.context.map(window));
    // A key of another service there would be sent in place of this one. `apiKeyHelper` would do without a variable of Claude
    // Code's own, but with it a refused key is tried again for minutes, whatever the answer says.
    settings.push(match &target.key {
        Some(_) => Setting::new(&env("ANTHROPIC_AUTH_TOKEN"), Value::Gone),
        None => Setting::text(&env("ANTHROPIC_AUTH_TOKEN"), PLACEHOLDER),
    });
    settings.push(Setting::new(&env("ANTHROPIC_API_KEY"), Value::Gone));
    let guide = Guide::of_file(folders, folders.claude().join("settings.json"), Edit::Json(settings))?;
    let guide = match &target.key {
        Some(variable) => {
            let shell = format!("export ANTHROPIC_AUTH_TOKEN=\"${variable}\"");
            guide.and(Section::new("your shell", Language::Shell, shell))
        }
        None => guide,
    };
    Ok(guide.note("A variable ANTHROPIC_API_KEY of your shell would be sent as well: unset it.").note(
        "Claude Code says that it does not know the model; that does no harm. `CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1` \
         keeps it from calling anybody but the gateway.",
    ))
}
