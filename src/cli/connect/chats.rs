//! Programs for conversations: Cherry Studio, Open WebUI, NextChat. They keep their settings where nobody else writes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::guide::{Folders, Guide, Language, Section};
use super::target::{PLACEHOLDER, Target};

/// What to type where a key is asked for.
pub(super) fn key_to_type(target: &Target) -> String {
    target.key.as_ref().map_or_else(|| format!("{PLACEHOLDER} (anything)"), |variable| format!("your key ({variable})"))
}

/// Steps, and the link that Cherry Studio imports a provider from (its `providersImport.ts`, read 2026-11-22). It appends
/// `/v1/chat/completions` to the address by itself.
///
/// # Errors
/// None; all guides have one shape.
#[expect(clippy::unnecessary_wraps, reason = "all guides have one shape")]
pub(super) fn cherry_studio(target: &Target, _: &Folders) -> Result<Guide, String> {
    let Target { root, model, .. } = target;
    let steps = format!(
        "Settings, Model Provider, Add:\nProvider type    OpenAI\nAPI key          {}\nAPI address      {root}\nModel            \
         {model} (Manage lists all of them)",
        key_to_type(target)
    );
    let provider =
        json!({"id": "flowgate", "name": "flowgate", "type": "openai", "baseUrl": root, "apiKey": PLACEHOLDER});
    let link = format!("cherrystudio://providers/api-keys?v=1&data={}", BASE64_STANDARD.encode(provider.to_string()));
    let guide = Guide::default().and(Section::new("Cherry Studio", Language::Steps, steps)).and(Section::new(
        "or open this link",
        Language::Steps,
        link,
    ));
    Ok(match &target.key {
        Some(_) => guide.note("The link has a placeholder for the key: put yours in its place in Cherry Studio."),
        None => guide,
    })
}

/// Environment variables, as its documents have them (read, not run).
///
/// # Errors
/// None; all guides have one shape.
#[expect(clippy::unnecessary_wraps, reason = "all guides have one shape")]
pub(super) fn open_webui(target: &Target, _: &Folders) -> Result<Guide, String> {
    let text = format!(
        "export OPENAI_API_BASE_URL={}\nexport OPENAI_API_KEY={}\nexport DEFAULT_MODELS={}\nopen-webui serve",
        target.base(),
        target.shell_key(),
        target.model
    );
    Ok(Guide::default()
        .and(Section::new("your shell, or -e of docker run", Language::Shell, text))
        .note("Open WebUI reads them at its first start only; later: Admin Panel, Settings, Connections, OpenAI API.")
        .note("From a container the gateway's address is another one: see Containers in the README, and --url."))
}

/// Steps, or environment variables for those who host it (its README; read, not run). It appends `/v1/...` by itself.
///
/// # Errors
/// None; all guides have one shape.
#[expect(clippy::unnecessary_wraps, reason = "all guides have one shape")]
pub(super) fn nextchat(target: &Target, _: &Folders) -> Result<Guide, String> {
    let Target { root, model, .. } = target;
    let steps = format!(
        "Settings, Custom Endpoint on:\nModel provider   OpenAI\nEndpoint         {root}\nAPI key          {}\nCustom models    \
         +{model}\nModel            {model}",
        key_to_type(target)
    );
    let variables = format!(
        "export BASE_URL={root}\nexport OPENAI_API_KEY={}\nexport CUSTOM_MODELS=+{model}\nexport DEFAULT_MODEL={model}",
        target.shell_key()
    );
    Ok(Guide::default()
        .and(Section::new("NextChat", Language::Steps, steps))
        .and(Section::new("or, where you host it, your shell", Language::Shell, variables))
        .note("As a page of another site it needs `server.origins`; the desktop program does not."))
}
