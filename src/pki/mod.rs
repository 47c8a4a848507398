//! The keys and certificates of a cluster: three certificate authorities, the service-account key, the administrator's
//! client certificate and kubeconfig, the bootstrap token. Beside them, certificates for servers of this machine alone,
//! and keys for SSH.
//!
//! New keys are ECDSA P-256, but for the service-account key of a cluster whose tokens are to be trusted outside, which is
//! RSA-2048 because identity providers accept RS256 only. RSA and EC keys made elsewhere are accepted.
//!
//! Deliberately absent: making the leaf certificates of API server, etcd and kubelet, which kubeadm does on the machines; and
//! writing to disk, which is the caller's ([`KeyMaterial::files`] only names the files).

mod authority;
mod error;
mod kubeconfig;
mod leaf;
mod loopback;
mod material;
mod pem;
mod service_account;
mod ssh_key;
mod token;

pub use authority::{CertifiedKey, authority_hash};
pub use error::PkiError;
pub use kubeconfig::{kubeconfig, sign_in_kubeconfig};
pub use leaf::{GivenPair, Purpose};
pub use material::{Given, KeyMaterial, file_name};
pub use service_account::{ServiceAccountKey, generate as generate_signing_key};
pub use ssh_key::SshKey;
