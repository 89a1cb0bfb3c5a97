//! A gateway in this process on ports of its own, in front of any upstream.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use flowgate::config::{self, DemoUpstream, Environment, Overrides};
use flowgate::mock::{MockServer, MockSettings, start};
use flowgate::server::{Server, Source};
use reqwest::{Client, Method, RequestBuilder};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::soon;

/// The key of the account, which no caller may ever see.
pub(crate) const UPSTREAM_KEY: &str = "sk-upstream-canary-5f2c9b";

/// A running gateway and a client for it. Dropping it cuts everything.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) client: Client,
    /// The emulator behind it, if there is one.
    pub(crate) mock: Option<MockServer>,
    /// Its home: what it keeps is its own.
    _home: TempDir,
    _stop: oneshot::Sender<()>,
    _tasks: JoinSet<()>,
}

/// Most tests are not about quota, and send more than a free model takes in a minute; and they count what goes upstream,
/// where nothing shall come but what they send.
fn ungoverned(config: &str) -> String {
    let account = if config.contains("[[account]]") { "" } else { "\n[[account]]\nrule = \"off\"\n" };
    format!("{}{account}", crate::quiet(config))
}

impl Rig {
    /// A gateway in front of `base_url`, with `config` in its file.
    pub(crate) async fn before(base_url: &str, config: &str) -> Self {
        let upstream = DemoUpstream { base_url: base_url.to_owned(), api_key: UPSTREAM_KEY.to_owned() };
        Self::with(config, Overrides { upstream: Some(upstream), ..Overrides::default() }).await
    }

    /// A gateway in front of an emulator of its own.
    pub(crate) async fn mocked(config: &str) -> Self {
        Self::mocked_with(config, MockSettings::default()).await
    }

    /// The same with an emulator that is set up.
    pub(crate) async fn mocked_with(config: &str, settings: MockSettings) -> Self {
        let mock = start(MockSettings { api_keys: vec![UPSTREAM_KEY.to_owned()], ..settings }).await.unwrap();
        let base_url = mock.base_url();
        Self { mock: Some(mock), ..Self::before(&base_url, config).await }
    }

    pub(crate) async fn with(config: &str, overrides: Overrides) -> Self {
        // reqwest and rustls want a provider; a second installation fails harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let any_port = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let overrides = Overrides { listen: any_port, admin_listen: any_port, ..overrides };
        let home = tempfile::tempdir().unwrap();
        let environment = environment(home.path());
        let settings = config::parse(&ungoverned(config), None, &overrides, &environment).unwrap();
        let server = Server::bind(settings, Source { overrides, environment: Some(environment) }).await.unwrap();
        let (address, admin) = (server.data_address().unwrap(), server.admin_address().unwrap());
        let (stop, stopped) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let stopped = async move {
                let _dropped = stopped.await;
            };
            server.run(stopped, std::future::ready(())).await;
        });
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { address, admin, client, mock: None, _home: home, _stop: stop, _tasks: tasks }
    }

    /// The emulator behind it.
    pub(crate) fn mock(&self) -> &MockServer {
        self.mock.as_ref().unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A POST of `body` as it stands.
    pub(crate) fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", "application/json").body(body)
    }

    /// The page of metrics.
    pub(crate) async fn metrics(&self) -> String {
        let answer = self.client.get(format!("http://{}/metrics", self.admin)).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// Sum of the samples of `name` whose labels contain all of `labels`.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = self.metrics().await;
        let samples = page.lines().filter(|line| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']));
            rest.is_some_and(|rest| labels.iter().all(|label| rest.contains(label)))
        });
        samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Waits until a metric has this value.
    pub(crate) async fn metric_becomes(&self, name: &str, labels: &[&str], value: f64) {
        let what = format!("{name}{labels:?} = {value}");
        soon(&what, async || self.metric(name, labels).await == value).await;
    }

    /// Nothing is left of any request.
    pub(crate) async fn is_idle(&self) {
        self.metric_becomes("flowgate_requests_in_flight", &[], 0.0).await;
        self.metric_becomes("flowgate_request_body_bytes", &[], 0.0).await;
    }
}

/// The keys that configurations refer to.
fn environment(home: &Path) -> Environment {
    let names = [("KEY_ANN", "sk-ann-canary-1"), ("KEY_BOB", "sk-bob-canary-2"), ("KEY_OLD", "sk-old-canary-3")];
    let names = names.into_iter().chain([("UPSTREAM", UPSTREAM_KEY), ("HOME", home.to_str().unwrap())]);
    let variables: HashMap<String, String> = names.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Environment::new(variables, Path::new("/nonexistent/.env")).unwrap()
}
