//! What a tool is connected to: the gateway's address, a model, and where the key comes from.

use clap::Args;
use serde_json::Value;

use crate::config::Settings;
use crate::server;

/// The variable that tools read the key from, unless another is named (ours).
const KEY_VARIABLE: &str = "FLOWGATE_KEY";
/// What stands in place of a key where the gateway has none: most tools want something (ours).
pub(super) const PLACEHOLDER: &str = "flowgate";
/// The embedding model of the libraries' examples: free on the China site (catalogue).
pub(super) const EMBEDDING: &str = "BAAI/bge-m3";

/// What a tool is to be connected to.
#[derive(Debug, Args)]
pub(super) struct TargetArguments {
    /// The gateway's address as the tool reaches it [default: where the configuration listens]
    #[arg(long, value_name = "URL", value_parser = root)]
    url: Option<String>,
    /// The model, or an alias [default: the free one that calls tools and takes the longest prompts]
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// The environment variable that has the key
    #[arg(long, value_name = "NAME", value_parser = variable, default_value = KEY_VARIABLE)]
    key_env: String,
    /// The gateway asks for no key [default: what the configuration says; with --url, that it does]
    #[arg(long, conflicts_with = "key_env")]
    no_key: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Target {
    /// Such as `http://127.0.0.1:4000`, without a slash at its end.
    pub(super) root: String,
    /// As tools name it.
    pub(super) model: String,
    /// Tokens that it takes, as far as the catalogue knows.
    pub(super) context: Option<u64>,
    /// Tokens that it gives at most, as far as the catalogue knows.
    pub(super) most_output: Option<u64>,
    /// Whether it sees pictures.
    pub(super) sees: bool,
    /// Whether nobody said which model.
    pub(super) is_usual: bool,
    /// The environment variable that has the key; `None` where the gateway asks for none.
    pub(super) key: Option<String>,
    /// The variable, whether it is needed or not.
    pub(super) variable: String,
}

impl Target {
    /// # Errors
    /// That there is no such model, or that it holds no conversations, or that the keys cannot be read.
    pub(super) fn choose(arguments: &TargetArguments, settings: &Settings) -> Result<Self, String> {
        let found = match &arguments.model {
            Some(name) => named(settings, name)?,
            None => freest(settings)?,
        };
        let own = root_of(settings);
        let is_own = arguments.url.as_ref().is_none_or(|url| *url == own);
        let is_open = arguments.no_key || (is_own && server::is_open(settings)?);
        let id = found["id"].as_str().unwrap_or_default();
        Ok(Self {
            root: arguments.url.clone().unwrap_or(own),
            model: arguments.model.clone().unwrap_or_else(|| id.to_owned()),
            context: context(&found),
            most_output: found["max_output"].as_u64(),
            sees: found["kind"] == "vision",
            is_usual: arguments.model.is_none(),
            key: (!is_open).then(|| arguments.key_env.clone()),
            variable: arguments.key_env.clone(),
        })
    }

    /// The base URL of OpenAI's SDKs: with `/v1`.
    pub(super) fn base(&self) -> String {
        format!("{}/v1", self.root)
    }

    /// The key in a shell: the variable, or what stands for it.
    pub(super) fn shell_key(&self) -> String {
        self.key.as_ref().map_or_else(|| PLACEHOLDER.to_owned(), |variable| format!("\"${variable}\""))
    }
}

/// The model that `name` stands for.
fn named(settings: &Settings, name: &str) -> Result<Value, String> {
    let found = server::models_of(settings, Some(name))?.into_iter().next().unwrap_or_default();
    let kind = found["kind"].as_str().unwrap_or_default();
    if !talks(kind) {
        return Err(format!("`{name}` is of the kind {kind}; a tool wants a model that holds conversations"));
    }
    if let Some(substitute) = found["substitute"].as_str() {
        return Err(format!("`{name}` is not served any more; take {substitute}"));
    }
    Ok(found)
}

fn talks(kind: &str) -> bool {
    matches!(kind, "chat" | "vision")
}

/// What nobody pays for, calls tools and takes the longest prompts.
fn freest(settings: &Settings) -> Result<Value, String> {
    let calls_tools =
        |model: &Value| model["capabilities"].as_array().is_some_and(|all| all.iter().any(|one| one == "tools"));
    let fits = |model: &Value| {
        let kind = model["kind"].as_str().unwrap_or_default();
        model["free"] == true && model["status"] == "listed" && talks(kind) && calls_tools(model)
    };
    let models = server::models_of(settings, None)?.into_iter().filter(fits);
    // The first of equals: the catalogue has the newer ones first.
    let best = models.reduce(|best, other| if context(&other) > context(&best) { other } else { best });
    best.ok_or_else(|| "no free model of the catalogue calls tools; choose one with --model".to_owned())
}

/// Tokens of prompt and answer: as a number, or as it is printed (`131K`), rounded down.
fn context(model: &Value) -> Option<u64> {
    let shown = || {
        let shown = model["context_shown"].as_str()?;
        let unit = |letter: char, tokens: u64| shown.strip_suffix(letter)?.parse::<u64>().ok()?.checked_mul(tokens);
        unit('K', 1_000).or_else(|| unit('M', 1_000_000)).or_else(|| shown.parse().ok())
    };
    model["context"].as_u64().or_else(shown)
}

/// Where a program on this machine reaches the gateway.
fn root_of(settings: &Settings) -> String {
    let listen = settings.server.listen;
    let host = if listen.ip().is_unspecified() { "127.0.0.1".to_owned() } else { listen.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    match &settings.server.tls {
        // A certificate is for names.
        Some(_) => {
            let name = settings.server.hosts.first().map_or("localhost", String::as_str);
            format!("https://{name}:{}", listen.port())
        }
        None => format!("http://{host}:{}", listen.port()),
    }
}

/// `http://host:4000`, from that with or without `/v1` and a slash.
fn root(text: &str) -> Result<String, String> {
    let trimmed = text.trim_end_matches('/');
    let root = trimmed.strip_suffix("/v1").unwrap_or(trimmed).trim_end_matches('/');
    let uri: Result<http::Uri, _> = root.parse();
    let is_good = |uri: &http::Uri| {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        matches!(uri.scheme_str(), Some("http" | "https"))
            && !authority.is_empty()
            && !authority.contains('@')
            && uri.query().is_none()
    };
    match uri {
        Ok(uri) if is_good(&uri) && !root.contains(['"', '\'', '\\', '$', '`', '#']) => Ok(root.to_owned()),
        _ => Err("write it like http://127.0.0.1:4000".to_owned()),
    }
}

fn variable(text: &str) -> Result<String, String> {
    let is_word = text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_word && text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_') {
        return Ok(text.to_owned());
    }
    Err("this is the name of an environment variable, such as FLOWGATE_KEY; the key itself does not belong here"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_is_read_however_it_ends() {
        for text in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"] {
            assert_eq!(root(text).as_deref(), Ok("http://h:1"), "{text}");
        }
        assert_eq!(root("https://h/gate/v1").as_deref(), Ok("https://h/gate"));
        for wrong in ["h:1", "ftp://h", "http://", "http://k@h", "http://h/?a=b", "", "http://h/\"", "/v1"] {
            assert!(root(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_no_variable() {
        assert_eq!(variable("MY_KEY2").as_deref(), Ok("MY_KEY2"));
        for wrong in ["fg-abc", "2A", "", "A B", "$A"] {
            assert!(variable(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_context_is_never_thought_longer_than_it_is() {
        let of = |value: Value| context(&value);
        assert_eq!(of(json!({"context": 262_144, "context_shown": "262K"})), Some(262_144));
        assert_eq!(of(json!({"context": null, "context_shown": "131K"})), Some(131_000));
        assert_eq!(of(json!({"context_shown": "1M"})), Some(1_000_000));
        assert_eq!((of(json!({"context_shown": "32768"})), of(json!({}))), (Some(32_768), None));
    }
}
