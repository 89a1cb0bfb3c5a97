//! The sockets that callers come to, as they have to be set up.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use super::error::StartError;

/// Connections that wait to be accepted (ours).
const BACKLOG: u32 = 1024;
/// What the system may hold of an answer for one caller (bytes; ours). A full buffer takes more only after a third of
/// it has gone: with the megabytes that the system allows by itself, a slow reader of a large answer would look like one
/// who takes nothing.
const SEND_BUFFER: usize = 128 * 1024;

/// Listens at `address`, which `setting` can change. To be called in the runtime that the listener will belong to.
///
/// # Errors
/// [`StartError::Bind`] when it is taken or not ours.
pub(super) fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, StartError> {
    open(address).map_err(|error| StartError::Bind(address, error.to_string(), setting))
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG.cast_signed())?;
    TcpListener::from_std(socket.into())
}
