//! One port for both: a connection that begins with a TLS handshake is served over TLS, any other in plain text. Many
//! clients of Azure and Kubernetes send no token without TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::ServerError;
use crate::pki::CertifiedKey;

/// How long a client may take for its first byte and its handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first byte of a TLS record with a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// A listener that tells TLS and plain text apart.
pub(super) struct Listener {
    address: SocketAddr,
    connections: mpsc::Receiver<(Connection, SocketAddr)>,
}

impl Listener {
    /// Serves what comes in on a socket, by a certificate and its chain of one authority.
    pub(super) fn new(
        socket: TcpListener,
        address: SocketAddr,
        server: &CertifiedKey,
        authority: &CertifiedKey,
    ) -> Result<Self, ServerError> {
        let acceptor = TlsAcceptor::from(Arc::new(tls(server, authority)?));
        let (ready, connections) = mpsc::channel(64);
        tokio::spawn(accept(socket, acceptor, ready));
        Ok(Self { address, connections })
    }
}

fn tls(server: &CertifiedKey, authority: &CertifiedKey) -> Result<ServerConfig, ServerError> {
    let unusable = |cause: &dyn std::fmt::Display| ServerError::Certificate(cause.to_string());
    let chain = [&server.certificate, &authority.certificate]
        .map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| unusable(&cause))?;
    let key = PrivateKeyDer::from_pem_slice(server.key.expose().as_bytes()).map_err(|cause| unusable(&cause))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| unusable(&cause))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|cause| unusable(&cause))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Accepts until nobody wants connections any more. Each is brought up by a task of its own, so that one that says nothing
/// keeps nobody waiting.
async fn accept(socket: TcpListener, acceptor: TlsAcceptor, ready: mpsc::Sender<(Connection, SocketAddr)>) {
    loop {
        let accepted = tokio::select! {
            () = ready.closed() => return,
            accepted = socket.accept() => accepted,
        };
        let Ok((stream, from)) = accepted else {
            // No descriptors are left, or the client is gone already.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Small answers go out at once.
        _ = stream.set_nodelay(true);
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            let connection = tokio::select! {
                () = ready.closed() => return,
                connection = tokio::time::timeout(PATIENCE, open(stream, &acceptor)) => connection,
            };
            if let Ok(Ok(connection)) = connection {
                _ = ready.send((connection, from)).await;
            }
        });
    }
}

async fn open(stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<Connection> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] == HANDSHAKE {
        return Ok(Connection::Tls(Box::new(acceptor.accept(stream).await?)));
    }
    Ok(Connection::Plain(stream))
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.connections.recv().await {
            Some(accepted) => accepted,
            // Nothing comes any more, and whoever asks is stopped by other means.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// A connection of either kind.
pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// How a client speaks, for the URLs that it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// As it stands in front of `://`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Connected<IncomingStream<'_, Listener>> for Scheme {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        match stream.io() {
            Connection::Plain(_) => Self::Http,
            Connection::Tls(_) => Self::Https,
        }
    }
}
