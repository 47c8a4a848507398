//! Azure Resource Manager as a target; with another endpoint also the simulator, which speaks the same protocol.
//!
//! - [`AzureTarget`]: the target, made of [`AzureSettings`].
//! - [`KeyVaultReader`]: reads secrets that lie in key vaults.
//! - [`TokenSource`]: where bearer tokens come from; [`CachedTokens`] renews those of a [`TokenGrant`].
//!
//! Deliberately absent: retries and pacing (the executor's), and Azure Stack Hub's peculiarities (`stack`).

mod budgets;
mod client;
mod cloud;
mod codes;
mod error;
mod key_vault;
mod limits;
mod list;
mod operations;
mod pipeline;
mod providers;
mod spelling;
mod target;
mod token;
mod trace;
#[cfg(test)]
mod trials;

pub use client::{ArmClient, Call, FinalState, Outcome, Patience};
pub use cloud::Endpoints;
pub use key_vault::{CloudVaults, KeyVaultReader};
pub use providers::{register, registration};
pub use reqwest::Method;
pub use target::{AzureSettings, AzureTarget, Credentials};
pub use token::{
    ARC_KEYS, AssertionGrant, AssertionSource, AuthMethod, Authority, AzureCliGrant, AzurePipelines, CachedTokens,
    CertificateAssertions, CertificateError, Chosen, ClientCertificate, ClientSecretGrant, FederatedFile, FixedToken,
    GithubActions, IdentitySystem, METADATA_SERVICE, ManagedIdentityGrant, ManagedService, SignIn, SignInError,
    Signing, Token, TokenGrant, TokenSource,
};
pub use trace::{Exchange, JsonLines, Recording, Trace};
