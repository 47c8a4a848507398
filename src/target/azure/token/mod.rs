//! Bearer tokens: where they come from, and keeping one until shortly before it ends.
//!
//! - [`TokenSource`]: what the pipeline asks; [`CachedTokens`] is one over a [`TokenGrant`], [`FixedToken`] another.
//! - [`ClientSecretGrant`], [`AssertionGrant`] (client certificate, federated file, Azure Pipelines, GitHub Actions),
//!   [`ManagedIdentityGrant`], [`AzureCliGrant`]: the grants.
//! - [`SignIn`]: which of them, by flags and environment.

mod assertion;
mod cache;
mod certificate;
mod choose;
mod cli;
mod client_secret;
mod endpoint;
mod managed;

use std::time::Duration;

use crate::base::Secret;
use crate::contract::{Fault, Future};

pub use assertion::{AssertionGrant, AssertionSource, AzurePipelines, FederatedFile, GithubActions};
pub use cache::CachedTokens;
pub use certificate::{CertificateAssertions, CertificateError, ClientCertificate, Signing};
pub use choose::{AuthMethod, Chosen, IdentitySystem, SignIn, SignInError};
pub use cli::AzureCliGrant;
pub use client_secret::ClientSecretGrant;
pub use endpoint::Authority;
pub use managed::{ARC_KEYS, METADATA_SERVICE, ManagedIdentityGrant, ManagedService};

/// Where the bearer tokens for one audience come from.
pub trait TokenSource: Send + Sync {
    /// A token that is valid now.
    fn token(&self) -> Future<'_, Result<Secret, Fault>>;

    /// Tells that the server refused this token although it should be valid: the next call gets another.
    fn forget(&self, token: &Secret);
}

/// A token as it was granted.
#[derive(Debug, Clone)]
pub struct Token {
    /// What is sent.
    pub secret: Secret,
    /// How long it is valid from now on.
    pub lifetime: Duration,
}

/// How a new token is got, whatever it takes. Called by [`CachedTokens`], one call at a time.
pub trait TokenGrant: Send + Sync {
    /// A new token.
    fn grant(&self) -> Future<'_, Result<Token, Fault>>;
}

/// One token that was given and cannot be renewed.
#[derive(Debug, Clone)]
pub struct FixedToken(pub Secret);

impl TokenSource for FixedToken {
    fn token(&self) -> Future<'_, Result<Secret, Fault>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }

    fn forget(&self, _: &Secret) {}
}
