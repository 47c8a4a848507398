//! Secrets that are named by their place in a key vault, and who reads them there.

use super::{Fault, Future};
use crate::base::Secret;

/// The parts of a vault's id: subscription, group, provider, type and name, each with its word.
const VAULT_SEGMENTS: usize = 8;

/// A secret by its place in a key vault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyVaultSecret {
    /// The vault's resource id.
    pub vault_id: String,
    /// The secret's name.
    pub name: String,
    /// Its version; `None`: the newest.
    pub version: Option<String>,
}

impl KeyVaultSecret {
    /// `<vault's resource id>/secrets/<name>[/<version>]`, as aks-engine's users write it in a secret's place; `None` for
    /// a text that is no such id. Whether its parts can be is told by [`Self::is_well_formed`].
    pub fn of_text(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.to_ascii_lowercase().starts_with("/subscriptions/") {
            return None;
        }
        // Behind the vault's name, before which a group may be called `secrets`. An id that is malformed is meant as one.
        let end = text.match_indices('/').nth(VAULT_SEGMENTS).map_or(text.len(), |(end, _)| end);
        let (vault_id, secret) = match text[end..].strip_prefix("/secrets/") {
            Some(secret) => (&text[..end], secret),
            None => text.split_once("/secrets/")?,
        };
        let (name, version) = match secret.split_once('/') {
            Some((name, version)) => (name, Some(version.to_owned())),
            None => (secret, None),
        };
        Some(Self { vault_id: vault_id.to_owned(), name: name.to_owned(), version })
    }

    /// The vault's name, the last part of its id.
    pub fn vault_name(&self) -> &str {
        self.vault_id.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the id is a key vault's, and names and version have the letters that theirs have. The vault's name becomes
    /// a part of the host that a token is sent to.
    ///
    /// Source: learn.microsoft.com, "Azure Key Vault keys, secrets and certificates overview", in a stored copy read
    /// 2026-11-28: a vault has 3 to 24 letters, digits and hyphens, an object 1 to 127; the vault gives versions 32 digits,
    /// which is not asked for here.
    pub fn is_well_formed(&self) -> bool {
        let is_word = |text: &str, longest: usize| {
            (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let segments: Vec<&str> = self.vault_id.split('/').collect();
        let is_vault = match segments.as_slice() {
            ["", subscriptions, subscription, groups, group, providers, provider, vaults, name] => {
                subscriptions.eq_ignore_ascii_case("subscriptions")
                    && !subscription.is_empty()
                    && groups.eq_ignore_ascii_case("resourceGroups")
                    && !group.is_empty()
                    && providers.eq_ignore_ascii_case("providers")
                    && provider.eq_ignore_ascii_case("Microsoft.KeyVault")
                    && vaults.eq_ignore_ascii_case("vaults")
                    && name.len() >= 3
                    && is_word(name, 24)
            }
            _ => false,
        };
        is_vault && is_word(&self.name, 127) && self.version.as_deref().is_none_or(|version| is_word(version, 127))
    }
}

/// Reads secrets where they lie.
pub trait KeyVaults: Send + Sync {
    /// The text of a secret.
    fn read<'a>(&'a self, secret: &'a KeyVaultSecret) -> Future<'a, Result<Secret, Fault>>;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    const VAULT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/my-vault";

    #[test]
    fn an_id_is_taken_apart() {
        let secret = KeyVaultSecret::of_text(&format!("{VAULT}/secrets/password/0123")).unwrap();
        assert_eq!((secret.vault_id.as_str(), secret.vault_name()), (VAULT, "my-vault"));
        assert_eq!((secret.name.as_str(), secret.version.as_deref()), ("password", Some("0123")));
        assert!(secret.is_well_formed());
        assert_eq!(KeyVaultSecret::of_text(&format!("{VAULT}/secrets/password")).unwrap().version, None);
        let named_so = VAULT.replace("resourceGroups/g", "resourceGroups/secrets").replace("my-vault", "secrets");
        let secret = KeyVaultSecret::of_text(&format!("{named_so}/secrets/secrets/secrets")).unwrap();
        assert!(secret.vault_id == named_so && secret.name == "secrets" && secret.is_well_formed(), "{secret:?}");
        for text in ["Correct-Horse-9", "/secrets/x", VAULT, "https://my-vault.vault.azure.net/secrets/password"] {
            assert_eq!(KeyVaultSecret::of_text(text), None, "{text}");
        }
    }

    #[test]
    fn what_would_lead_elsewhere_is_told() {
        let group = VAULT.rsplit_once('/').unwrap().0;
        for text in [
            "/subscriptions/s/secrets/password".to_owned(),
            format!("{group}/evil.example/secrets/password"),
            format!("{group}/evil.example#/secrets/password"),
            format!("{group}/ab/secrets/password"),
            format!("{VAULT}/secrets/"),
            format!("{VAULT}/secrets/pass word"),
            format!("{VAULT}/secrets/password/1/2"),
            format!("{VAULT}/secrets/password/"),
        ] {
            assert!(!KeyVaultSecret::of_text(&text).unwrap().is_well_formed(), "{text}");
        }
    }
}
