//! Taking a connection away from HTTP: some failures cannot be said in HTTP, so a handler may ask for the bare socket
//! and have a script run on it. It must not know which failure is played or why.

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// One thing done to the bare socket.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Writes the bytes.
    Write(Bytes),
    /// Writes the bytes so many times.
    Repeat(Bytes, u64),
    /// Waits.
    Wait(Duration),
    /// Says nothing more until the other side leaves.
    Hang,
    /// Closes with RST instead of FIN.
    Reset,
}

/// What to do with the socket; at its end the socket is closed cleanly (FIN), unless the script reset it.
pub(super) type Script = Vec<Act>;

/// The handle by which a handler takes over its connection.
#[derive(Debug, Clone)]
pub(super) struct Hijack {
    scripts: mpsc::Sender<Script>,
    taken: Arc<AtomicBool>,
}

impl Hijack {
    /// A handle and the end the connection listens on.
    pub(super) fn pair() -> (Self, mpsc::Receiver<Script>) {
        let (scripts, waiting) = mpsc::channel(1);
        (Self { scripts, taken: Arc::default() }, waiting)
    }

    /// Hands the connection to `script`. Never returns: the caller is dropped with the HTTP side of the connection.
    pub(super) async fn run(&self, script: Script) -> std::convert::Infallible {
        self.taken.store(true, Ordering::Relaxed);
        // A full channel or a gone connection both mean that the end is near already.
        let _ = self.scripts.try_send(script);
        std::future::pending().await
    }

    /// Whether the connection was taken: then it is we who left, not the caller.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }
}

/// Plays the script on the socket HTTP gave up.
pub(super) async fn play(socket: TokioIo<TcpStream>, script: Script) -> std::io::Result<()> {
    let mut socket = socket.into_inner();
    for act in script {
        match act {
            Act::Write(bytes) => socket.write_all(&bytes).await?,
            Act::Repeat(bytes, times) => write_often(&mut socket, &bytes, times).await?,
            Act::Wait(time) => tokio::time::sleep(time).await,
            Act::Hang => wait_until_left(&mut socket).await,
            Act::Reset => return socket.set_zero_linger(),
        }
    }
    socket.shutdown().await?;
    leave_in_peace(socket).await;
    Ok(())
}

async fn write_often(socket: &mut TcpStream, bytes: &[u8], times: u64) -> std::io::Result<()> {
    for _ in 0..times {
        socket.write_all(bytes).await?;
    }
    Ok(())
}

async fn wait_until_left(socket: &mut TcpStream) {
    let mut unread = [0_u8; 1024];
    while socket.read(&mut unread).await.is_ok_and(|length| length > 0) {}
}

/// Reads what is still coming before closing: closing with unread bytes would send RST and may eat what we wrote.
async fn leave_in_peace(mut socket: TcpStream) {
    let _ = tokio::time::timeout(Duration::from_millis(200), wait_until_left(&mut socket)).await;
}
