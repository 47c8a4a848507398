//! Answers that do not come as they should: not at all, not whole, slowly, without end, or somebody else's.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use tokio::time::Sleep;

/// What is done to an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::server) enum Spoil {
    /// Nothing.
    #[default]
    Nothing,
    /// The connection is closed before the first byte.
    Reset,
    /// So many bytes of the body come each second.
    Slow(u32),
    /// The connection is closed after so many bytes of the body.
    Truncated(u32),
    /// Something else comes in its place.
    Page { status: u16, content_type: String, text: String },
    /// So many bytes come in its place.
    Huge(usize),
}

/// One slow byte after another costs a timer each; more often than this none is set.
const TICKS_PER_SECOND: u32 = 50;
/// The part of an answer without end that is there at a time.
static FILLER: [u8; 64 << 10] = [b' '; 64 << 10];

impl Spoil {
    /// Spoils an answer whose body is at hand.
    pub(in crate::server) fn apply(self, response: Response<Body>, body: &[u8]) -> Response<Body> {
        let (mut parts, whole) = response.into_parts();
        let length = |parts: &mut axum::http::response::Parts, bytes: usize| {
            parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        };
        let body = match self {
            Self::Nothing => whole,
            Self::Reset => Body::new(Spoilt { rest: Bytes::new(), ..Spoilt::ending(true) }),
            Self::Truncated(bytes) => {
                // A length that is announced and not reached is how a client can tell.
                length(&mut parts, body.len().max(bytes as usize + 1));
                let kept = body.get(..body.len().min(bytes as usize)).unwrap_or_default();
                Body::new(Spoilt { rest: Bytes::copy_from_slice(kept), ..Spoilt::ending(true) })
            }
            Self::Slow(rate) => {
                length(&mut parts, body.len());
                let ticks = rate.clamp(1, TICKS_PER_SECOND);
                Body::new(Spoilt {
                    rest: Bytes::copy_from_slice(body),
                    at_once: (rate / ticks).max(1) as usize,
                    pause: Some(Duration::from_secs(1) / ticks),
                    ..Spoilt::ending(false)
                })
            }
            Self::Page { status, content_type, text } => {
                parts.status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                parts.headers.clear();
                if let Ok(kind) = HeaderValue::from_str(&content_type) {
                    parts.headers.insert(header::CONTENT_TYPE, kind);
                }
                Body::from(text)
            }
            Self::Huge(bytes) => Body::new(Spoilt { filler: bytes, ..Spoilt::ending(false) }),
        };
        Response::from_parts(parts, body)
    }
}

/// A body that comes as it is spoilt.
struct Spoilt {
    rest: Bytes,
    /// How much of it comes at once.
    at_once: usize,
    /// How long it takes until more comes.
    pause: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// How much filler comes after it.
    filler: usize,
    /// Whether the connection breaks at the end.
    breaks: bool,
}

impl Spoilt {
    const fn ending(breaks: bool) -> Self {
        Self { rest: Bytes::new(), at_once: usize::MAX, pause: None, sleep: None, filler: 0, breaks }
    }
}

impl http_body::Body for Spoilt {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Some(sleep) = &mut this.sleep {
            std::task::ready!(sleep.as_mut().poll(context));
            this.sleep = None;
        }
        if !this.rest.is_empty() {
            let part = this.rest.split_to(this.rest.len().min(this.at_once));
            // What was sent has to arrive before the connection breaks.
            let pause = this.pause.or(this.breaks.then_some(Duration::from_millis(20)));
            this.sleep = pause.map(|pause| Box::pin(tokio::time::sleep(pause)));
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        if this.filler > 0 {
            let length = this.filler.min(FILLER.len());
            this.filler -= length;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&FILLER[..length])))));
        }
        Poll::Ready(this.breaks.then(|| Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}
