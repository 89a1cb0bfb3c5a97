//! The signals that end a program: SIGTERM from a supervisor, SIGINT from a terminal.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both of them, heard from the moment this is made.
pub(super) struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl End {
    /// # Errors
    /// That signals cannot be heard.
    pub(super) fn listen() -> Result<Self, String> {
        Ok(Self { terminate: hear(SignalKind::terminate())?, interrupt: hear(SignalKind::interrupt())? })
    }

    /// The next one of either.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Signals of one kind, heard from now on.
///
/// # Errors
/// That they cannot be heard.
pub(super) fn hear(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| format!("cannot listen for signals: {error}"))
}
