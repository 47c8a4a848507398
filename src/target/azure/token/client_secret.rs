//! An application that proves itself by a client secret.

use std::sync::Arc;

use super::endpoint::{Authority, TokenEndpoint};
use super::{Token, TokenGrant};
use crate::base::{Clock, Secret};
use crate::contract::{Fault, Future};
use crate::target::http::{HttpError, HttpSettings};

/// Tokens for an application that proves itself by a client secret.
pub struct ClientSecretGrant {
    endpoint: TokenEndpoint,
    client_secret: Secret,
}

impl ClientSecretGrant {
    /// A grant from this authority.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn new(
        http: &HttpSettings,
        authority: Authority,
        client_id: &str,
        client_secret: Secret,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Ok(Self { endpoint: TokenEndpoint::new(http, authority, client_id, clock)?, client_secret })
    }
}

impl TokenGrant for ClientSecretGrant {
    fn grant(&self) -> Future<'_, Result<Token, Fault>> {
        Box::pin(self.endpoint.ask(&[], ("client_secret", &self.client_secret)))
    }
}
