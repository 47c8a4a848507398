//! Azure Resource Manager as a target; with another endpoint also the simulator, which speaks the same protocol.
//!
//! - [`AzureTarget`]: the target, made of [`AzureSettings`].
//! - [`TokenSource`]: where bearer tokens come from; [`CachedTokens`] renews those of a [`TokenGrant`].
//!
//! Deliberately absent: retries and pacing (the executor's), and Azure Stack Hub's peculiarities (`stack`).

mod codes;
mod error;
mod operations;
mod pipeline;
mod spelling;
mod target;
mod token;
#[cfg(test)]
mod trials;

pub use target::{AzureSettings, AzureTarget, Credentials};
pub use token::{CachedTokens, ClientSecretGrant, FixedToken, Token, TokenGrant, TokenSource};
