//! Scripts of the user's own that machines run before they become nodes: aks-engine's extensions of this kind.

use crate::base::Secret;

/// A script that a machine fetches and runs, once, before anything is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreProvisionScript {
    /// The extension's name, also its folder's and its log's.
    pub name: String,
    /// Its version, a folder below that of its name.
    pub version: String,
    /// Where the folder `extensions` lies, ending in a slash.
    pub root_url: String,
    /// The script's file, relative to the version's folder.
    pub script: String,
    /// What is put behind the URL, without its question mark.
    pub query: Option<Secret>,
    /// What the script finds as its first argument.
    pub parameters: Option<Secret>,
}

impl PreProvisionScript {
    /// Where the script lies.
    pub fn url(&self) -> Secret {
        let Self { root_url, name, version, script, .. } = self;
        let query = self.query.as_ref().map_or_else(String::new, |query| format!("?{}", query.expose()));
        Secret::new(format!("{root_url}extensions/{name}/{version}/{script}{query}"))
    }
}
