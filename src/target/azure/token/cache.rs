//! Keeping one token until shortly before it ends; one renewal at a time, however many wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::{Token, TokenGrant, TokenSource};
use crate::base::{Clock, Secret};
use crate::contract::{Fault, Future};

/// A token is renewed this long before it ends, or after half its life if that is later.
const RENEW_BEFORE_END: SignedDuration = SignedDuration::from_secs(300);

/// After a refusal everybody who waited gets the same answer for this long, rather than asking again one by one.
const REFUSAL_LASTS: SignedDuration = SignedDuration::from_secs(2);

/// A life that is told wrongly must not overflow the calendar.
const LONGEST_LIFE: i64 = 7 * 24 * 3600;

/// Keeps a granted token and renews it in time.
pub struct CachedTokens {
    grant: Box<dyn TokenGrant>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    renewal: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    token: Option<Cached>,
    refused: Option<(Timestamp, Fault)>,
}

#[derive(Clone)]
struct Cached {
    secret: Secret,
    renew_at: Timestamp,
    ends_at: Timestamp,
}

impl CachedTokens {
    /// Tokens from a grant.
    pub fn new(grant: impl TokenGrant + 'static, clock: Arc<dyn Clock>) -> Self {
        Self { grant: Box::new(grant), clock, state: Mutex::default(), renewal: tokio::sync::Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; a poisoned state would still be a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached(&self) -> Option<Cached> {
        self.state().token.clone().filter(|token| token.ends_at > self.clock.now())
    }

    async fn get(&self) -> Result<Secret, Fault> {
        let valid = self.cached();
        if let Some(token) = valid.as_ref().filter(|token| token.renew_at > self.clock.now()) {
            return Ok(token.secret.clone());
        }
        let _renewal = match (self.renewal.try_lock(), valid) {
            (Ok(guard), _) => guard,
            // Somebody renews it already; until then the old one will do.
            (Err(_), Some(token)) => return Ok(token.secret),
            (Err(_), None) => self.renewal.lock().await,
        };
        let now = self.clock.now();
        let valid = self.cached();
        if let Some(token) = valid.as_ref().filter(|token| token.renew_at > now) {
            return Ok(token.secret.clone());
        }
        let refused = self.state().refused.clone().filter(|(at, _)| now.duration_since(*at) < REFUSAL_LASTS);
        // A token that still has minutes to live is better than none, unless the credentials are wrong.
        let make_do =
            |fault: Fault| valid.filter(|_| fault.class.is_retryable()).map(|token| token.secret).ok_or(fault);
        if let Some((_, fault)) = refused {
            return make_do(fault);
        }
        match self.grant.grant().await {
            Ok(Token { secret, lifetime }) => {
                let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE);
                let life = SignedDuration::from_secs(seconds);
                let ends_at = self.clock.now_plus_seconds(seconds);
                let renew_at = ends_at - RENEW_BEFORE_END.min(life / 2);
                let token = Cached { secret: secret.clone(), renew_at, ends_at };
                *self.state() = State { token: Some(token), refused: None };
                Ok(secret)
            }
            Err(fault) => {
                self.state().refused = Some((self.clock.now(), fault.clone()));
                make_do(fault)
            }
        }
    }
}

impl TokenSource for CachedTokens {
    fn token(&self) -> Future<'_, Result<Secret, Fault>> {
        Box::pin(self.get())
    }

    fn forget(&self, token: &Secret) {
        let mut state = self.state();
        if state.token.as_ref().is_some_and(|cached| cached.secret == *token) {
            state.token = None;
        }
    }
}
