//! What `serve --demo` brings along: the emulator, a folder that goes with it, and an operator's token for this one start.
//! It knows nothing of the gateway in front of it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

use super::console::Console;
use crate::config::{DemoUpstream, Overrides};
use crate::mock::{self, MockServer, MockSettings};
use crate::tenant::{KeyHash, Secret};

/// The key between gateway and emulator; it opens nothing else.
const KEY: &str = "sk-demo";

/// An emulator that runs, and what the gateway in front of it needs.
pub(super) struct Demo {
    emulator: MockServer,
    folder: Option<Folder>,
    token: Secret,
}

/// A folder of its own, which goes with the value. What kills the process leaves it behind.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _whoever_cleans_temporary_files_will = std::fs::remove_dir_all(&self.0);
    }
}

impl Demo {
    /// Starts the emulator.
    ///
    /// # Errors
    /// That it cannot be started, or the system gives no random bits.
    pub(super) async fn start(console: &Console) -> Result<Self, String> {
        let token = Secret::random().map_err(|error| error.to_string())?;
        let folder = folder().inspect_err(|error| console.note(&format!("flowgate: this demo keeps nothing: {error}")));
        let settings = MockSettings {
            api_keys: vec![KEY.to_owned()],
            first_token: Duration::from_millis(200),
            token_interval: Duration::from_millis(20),
            ..MockSettings::default()
        };
        let emulator = mock::start(settings).await.map_err(|error| format!("cannot start the emulator: {error}"))?;
        Ok(Self { emulator, folder: folder.ok(), token })
    }

    /// What the gateway's configuration is, in place of what the file says.
    pub(super) fn replace(&self, overrides: &mut Overrides) {
        overrides.upstream = Some(DemoUpstream { base_url: self.emulator.base_url(), api_key: KEY.to_owned() });
        overrides.state_dir = self.folder.as_ref().map(|folder| folder.0.clone());
        overrides.admin_token = Some(self.token.hash());
    }

    /// The operator's token, if it is the one `in_force`: a file may name another one.
    pub(super) fn token(&self, in_force: Option<KeyHash>) -> Option<&str> {
        (in_force == Some(self.token.hash())).then(|| self.token.expose())
    }

    /// Stops the emulator and removes the folder.
    pub(super) async fn stop(self) {
        self.emulator.stop().await;
    }
}

/// A new folder among the system's temporary ones, which nobody else may read.
fn folder() -> Result<Folder, String> {
    let name = Secret::random().map_err(|error| error.to_string())?;
    let path = std::env::temp_dir().join(format!("flowgate-demo-{}", name.prefix()));
    let made = DirBuilder::new().mode(0o700).create(&path);
    made.map(|()| Folder(path.clone())).map_err(|error| format!("{}: {error}", path.display()))
}
