//! From a text to a [`Cluster`], with every fault on the way.

use std::collections::BTreeMap;

use crate::base::{Diagnostics, Secret};

use super::cluster::Cluster;

/// What the command line says beside the model.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// `--set` arguments, as given: each `path=value[,path=value]`, relative to `properties`.
    pub set: Vec<String>,
    /// `--location`; used where the model names none, an error where it names another.
    pub location: Option<String>,
    /// `--dns-prefix`; an error where the model names one.
    pub dns_prefix: Option<String>,
    /// `--client-id`; used where the model has no service principal.
    pub client_id: Option<String>,
    /// `--client-secret`; used where the model has no service principal.
    pub client_secret: Option<Secret>,
}

/// What came of reading a model.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The cluster; present if and only if no diagnostic is an error.
    pub cluster: Option<Cluster>,
    /// Everything that was found, in the order of the text.
    pub diagnostics: Diagnostics,
    /// Where each value came from.
    pub origins: Origins,
}

/// JSON pointer of a property → where its value came from.
pub type Origins = BTreeMap<String, Origin>;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The model's file.
    File,
    /// A `--set` argument or another option of the command line.
    Set,
    /// The engine.
    Default {
        /// Why this value.
        reason: String,
    },
}
