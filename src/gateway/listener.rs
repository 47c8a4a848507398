//! Connections of machines: each asker has a few at a time, and none lasts, so that one that says nothing, or says it slowly,
//! keeps nobody else waiting.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};

/// How long a connection lasts, whatever it is used for: longer than any answer takes.
const LIFE: Duration = Duration::from_secs(60);
/// Connections of one asker, and of all.
const EACH: usize = 16;
const ALL: usize = 1024;

/// How many connections each asker has.
#[derive(Debug, Clone, Default)]
struct Counts(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Counts {
    /// Counts one more, unless there are too many already.
    fn take(&self, asker: IpAddr) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.values().sum::<usize>() >= ALL || counts.get(&asker).is_some_and(|count| *count >= EACH) {
            return None;
        }
        *counts.entry(asker).or_default() += 1;
        Some(Place { counts: self.clone(), asker })
    }
}

/// One connection's place among those of its asker.
#[derive(Debug)]
struct Place {
    counts: Counts,
    asker: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.asker) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.asker);
            }
        }
    }
}

/// A socket that takes connections by these rules.
pub(super) struct Listener {
    socket: TcpListener,
    counts: Counts,
}

impl Listener {
    pub(super) fn new(socket: TcpListener) -> Self {
        Self { socket, counts: Counts::default() }
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let Ok((stream, from)) = self.socket.accept().await else {
                // No descriptors are left, or the asker is gone already.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            // Who has too many is hung up on.
            let Some(place) = self.counts.take(from.ip()) else { continue };
            // Small answers go out at once.
            _ = stream.set_nodelay(true);
            let end = Box::pin(tokio::time::sleep_until(Instant::now() + LIFE));
            return (Connection { stream, end, _place: place }, from);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// A connection that ends.
pub(super) struct Connection {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: Place,
}

impl Connection {
    fn over(&mut self, context: &mut Context<'_>) -> bool {
        self.end.as_mut().poll(context).is_ready()
    }
}

fn late() -> io::Error {
    io::Error::from(io::ErrorKind::TimedOut)
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.over(context) {
            return Poll::Ready(Err(late()));
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.over(context) {
            return Poll::Ready(Err(late()));
        }
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// The address that asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker(pub IpAddr);

impl Connected<IncomingStream<'_, Listener>> for Asker {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        Self(stream.remote_addr().ip())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let counts = Counts::default();
        let one: IpAddr = "10.0.0.1".parse().unwrap();
        let mut taken: Vec<Place> = (0..EACH).map(|_| counts.take(one).unwrap()).collect();
        assert!(counts.take(one).is_none());
        assert!(counts.take("10.0.0.2".parse().unwrap()).is_some(), "another is not kept out");
        taken.pop();
        assert!(counts.take(one).is_some());
        drop(taken);
        assert!(counts.0.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_ends() {
        use axum::serve::Listener as _;
        use tokio::io::AsyncReadExt as _;
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut listener = Listener::new(socket);
        let _asker = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = listener.accept().await;
        let begun = Instant::now();
        let error = connection.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= LIFE);
    }
}
