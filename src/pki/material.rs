//! All keys of a cluster: made, found again, and named as files.

use std::path::Path;

use super::service_account::ServiceAccountKey;
use super::{CertifiedKey, GivenPair, PkiError, Purpose, authority_hash, kubeconfig, pem, service_account, token};
use crate::base::{Clock, Entropy, Files, Secret, read_text};

/// The names of the files, below the cluster's folder. The cluster's authority and the administrator's client
/// certificate have the names that aks-engine gave them.
pub mod file_name {
    /// The cluster's authority.
    pub const CA: &str = "ca";
    /// etcd's authority.
    pub const ETCD_CA: &str = "etcd-ca";
    /// The aggregation layer's authority.
    pub const FRONT_PROXY_CA: &str = "front-proxy-ca";
    /// The administrator's client certificate.
    pub const ADMINISTRATOR: &str = "kubectlClient";
    /// The service-account key, private.
    pub const SERVICE_ACCOUNT_KEY: &str = "sa.key";
    /// The service-account key, public.
    pub const SERVICE_ACCOUNT_PUBLIC_KEY: &str = "sa.pub";
    /// The bootstrap token.
    pub const BOOTSTRAP_TOKEN: &str = "bootstrap-token";
    /// kubeadm's certificate key.
    pub const CERTIFICATE_KEY: &str = "certificate-key";
    /// The key that encrypts secrets in etcd.
    pub const ENCRYPTION_KEY: &str = "encryption-key";
}

/// The group that Kubernetes' API server lets do everything without asking the authorizer. kubeadm's own `admin.conf`
/// is in `kubeadm:cluster-admins`, a group that a role binding inside the cluster empowers; this certificate is what
/// opens the cluster when its role bindings are broken or not there yet, so it does not depend on one.
const ADMINISTRATOR_GROUP: &str = "system:masters";
const ADMINISTRATOR_NAME: &str = "engine-administrator";

/// Keys that the user brings.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The cluster's authority: P-256, P-384 or RSA; the key as PKCS#8, PKCS#1 or SEC 1 PEM.
    pub cluster_ca: Option<CertifiedKey>,
    /// etcd's authority, of the same kinds.
    pub etcd_ca: Option<CertifiedKey>,
    /// The aggregation layer's authority, of the same kinds.
    pub front_proxy_ca: Option<CertifiedKey>,
    /// The key that signs service-account tokens: RSA, P-256 or P-384, of the same forms.
    pub service_account_key: Option<Secret>,
    /// Its public half (PEM), to be compared.
    pub service_account_public_key: Option<String>,
    /// What the API server shows to those who ask for one of its names. The cluster's authority has issued it.
    pub api_server: Option<CertifiedKey>,
    /// What the API server shows to kubelets. The cluster's authority has issued it.
    pub kubelet_client: Option<CertifiedKey>,
    /// The administrator's client certificate. The cluster's authority has issued it.
    pub administrator: Option<CertifiedKey>,
    /// Whether somebody outside the cluster is to trust its service-account tokens.
    pub is_trusted_outside: bool,
    /// Whether secrets are encrypted in etcd, so that a key for it is needed.
    pub encrypts_secrets: bool,
    /// The key for that: base64 of 32 bytes.
    pub encryption_key: Option<Secret>,
}

/// All keys of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMaterial {
    /// The authority for API server, kubelets and clients.
    pub cluster_ca: CertifiedKey,
    /// The authority for etcd's servers, peers and clients.
    pub etcd_ca: CertifiedKey,
    /// The authority of the aggregation layer.
    pub front_proxy_ca: CertifiedKey,
    /// The key that signs service-account tokens.
    pub service_account: ServiceAccountKey,
    /// The administrator's client certificate, of the group `system:masters`.
    pub administrator: CertifiedKey,
    /// What the API server shows to those who ask for one of its names, if it is given. It is in none of the files.
    pub api_server: Option<CertifiedKey>,
    /// What the API server shows to kubelets, if it is given. It is in none of the files.
    pub kubelet_client: Option<CertifiedKey>,
    /// The token with which machines join.
    pub bootstrap_token: Secret,
    /// kubeadm's certificate key (64 hexadecimal digits), for uploading certificates to a cluster.
    pub certificate_key: Secret,
    /// The key that encrypts secrets in etcd (base64 of 32 bytes), where there is one. What was written with it can be
    /// read with it only, so it stays in the folder even while nothing is encrypted.
    pub encryption_key: Option<Secret>,
}

impl KeyMaterial {
    /// Makes all keys that are not given.
    pub fn generate(given: &Given, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Self, PkiError> {
        Found::default().complete(given, clock, entropy)
    }

    /// Takes the keys that `folder` holds, makes those that it lacks, and checks that they fit together. A folder that
    /// does not exist holds none. The administrator's certificate is issued anew when its authority is another one or
    /// less than a month is left of it.
    pub fn load_or_generate(
        folder: &Path,
        given: &Given,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, PkiError> {
        Found::read(folder)?.complete(given, clock, entropy)
    }

    /// The files that hold these keys, all for the owner only.
    pub fn files(&self) -> Files {
        let mut files = Files::default();
        let pairs = [
            (file_name::CA, &self.cluster_ca),
            (file_name::ETCD_CA, &self.etcd_ca),
            (file_name::FRONT_PROXY_CA, &self.front_proxy_ca),
            (file_name::ADMINISTRATOR, &self.administrator),
        ];
        for (name, pair) in pairs {
            files.private(format!("{name}.crt"), pair.certificate.as_str());
            files.private(format!("{name}.key"), pair.key.expose());
        }
        files.private(file_name::SERVICE_ACCOUNT_KEY, self.service_account.private.expose());
        files.private(file_name::SERVICE_ACCOUNT_PUBLIC_KEY, self.service_account.public.as_str());
        files.private(file_name::BOOTSTRAP_TOKEN, format!("{}\n", self.bootstrap_token.expose()));
        files.private(file_name::CERTIFICATE_KEY, format!("{}\n", self.certificate_key.expose()));
        if let Some(key) = &self.encryption_key {
            files.private(file_name::ENCRYPTION_KEY, format!("{}\n", key.expose()));
        }
        files
    }

    /// The hash by which kubeadm recognises the cluster's authority, `sha256:…`.
    pub fn authority_hash(&self) -> Result<String, PkiError> {
        authority_hash(&self.cluster_ca.certificate)
    }

    /// The administrator's kubeconfig (JSON); see [`kubeconfig`].
    pub fn kubeconfig(&self, cluster: &str, server: &str) -> Secret {
        kubeconfig(cluster, server, &self.cluster_ca.certificate, &self.administrator)
    }
}

/// What a folder holds of a cluster's keys.
#[derive(Debug, Default)]
struct Found {
    cluster_ca: Option<CertifiedKey>,
    etcd_ca: Option<CertifiedKey>,
    front_proxy_ca: Option<CertifiedKey>,
    administrator: Option<CertifiedKey>,
    service_account_key: Option<Secret>,
    service_account_public_key: Option<String>,
    bootstrap_token: Option<Secret>,
    certificate_key: Option<Secret>,
    encryption_key: Option<Secret>,
}

fn optional(folder: &Path, name: &str) -> Result<Option<String>, PkiError> {
    let path = folder.join(name);
    if path.exists() { Ok(Some(read_text(&path)?)) } else { Ok(None) }
}

fn pair(folder: &Path, name: &str) -> Result<Option<CertifiedKey>, PkiError> {
    let certificate_name = format!("{name}.crt");
    let key_name = format!("{name}.key");
    match (optional(folder, &certificate_name)?, optional(folder, &key_name)?) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            CertifiedKey::read(&certificate_name, &certificate, &key_name, &Secret::new(key)).map(Some)
        }
        (Some(_), None) => Err(PkiError::Incomplete { present: certificate_name, missing: key_name }),
        (None, Some(_)) => Err(PkiError::Incomplete { present: key_name, missing: certificate_name }),
    }
}

/// An authority that is given has to be the one that was found.
fn bring(
    brought: Option<&CertifiedKey>,
    found: &mut Option<CertifiedKey>,
    file: &str,
    [certificate_name, key_name]: [&str; 2],
) -> Result<(), PkiError> {
    let Some(brought) = brought else { return Ok(()) };
    let brought = CertifiedKey::read(certificate_name, &brought.certificate, key_name, &brought.key)?;
    match found {
        Some(found) if authority_hash(&found.certificate)? != authority_hash(&brought.certificate)? => {
            Err(PkiError::Conflict { name: format!("{file}.crt") })
        }
        Some(_) => Ok(()),
        None => {
            *found = Some(brought);
            Ok(())
        }
    }
}

const API_SERVER: [&str; 2] = ["the given API server certificate", "the given API server key"];
const KUBELET_CLIENT: [&str; 2] = ["the given client certificate", "the given client key"];
const ADMINISTRATOR: [&str; 2] = ["the given administrator's certificate", "the given administrator's key"];

/// A leaf that is given.
fn leaf_of(
    leaf: &CertifiedKey,
    [certificate_name, key_name]: [&str; 2],
    purpose: Purpose,
    authority: &CertifiedKey,
    clock: &dyn Clock,
) -> Result<CertifiedKey, PkiError> {
    let given = GivenPair { certificate_name, certificate: &leaf.certificate, key_name, key: &leaf.key };
    given.check(purpose, Some(&authority.certificate), Some(clock.now().as_second()))
}

/// The key that the folder holds or the user brought. The public half beside it has to be its own.
fn found_service_account(private: Secret, beside: Option<String>) -> Result<ServiceAccountKey, PkiError> {
    let public = service_account::public_half(file_name::SERVICE_ACCOUNT_KEY, &private)?;
    if beside.is_some_and(|beside| beside.trim() != public.trim()) {
        return Err(PkiError::Mismatch {
            certificate: file_name::SERVICE_ACCOUNT_PUBLIC_KEY.to_owned(),
            key: file_name::SERVICE_ACCOUNT_KEY.to_owned(),
        });
    }
    Ok(ServiceAccountKey { private, public })
}

impl Found {
    fn read(folder: &Path) -> Result<Self, PkiError> {
        let line = |name| -> Result<Option<Secret>, PkiError> {
            Ok(optional(folder, name)?.map(|text| Secret::new(text.trim_end())))
        };
        let bootstrap_token = line(file_name::BOOTSTRAP_TOKEN)?;
        if let Some(found) = &bootstrap_token {
            token::require_bootstrap_token(file_name::BOOTSTRAP_TOKEN, found.expose())?;
        }
        let encryption_key = line(file_name::ENCRYPTION_KEY)?;
        if let Some(found) = &encryption_key {
            token::require_encryption_key(file_name::ENCRYPTION_KEY, found)?;
        }
        let service_account_key = optional(folder, file_name::SERVICE_ACCOUNT_KEY)?
            .map(|text| pem::private_key(file_name::SERVICE_ACCOUNT_KEY, &Secret::new(text)))
            .transpose()?;
        let service_account_public_key = optional(folder, file_name::SERVICE_ACCOUNT_PUBLIC_KEY)?;
        if service_account_public_key.is_some() && service_account_key.is_none() {
            return Err(PkiError::Incomplete {
                present: file_name::SERVICE_ACCOUNT_PUBLIC_KEY.to_owned(),
                missing: file_name::SERVICE_ACCOUNT_KEY.to_owned(),
            });
        }
        Ok(Self {
            cluster_ca: pair(folder, file_name::CA)?,
            etcd_ca: pair(folder, file_name::ETCD_CA)?,
            front_proxy_ca: pair(folder, file_name::FRONT_PROXY_CA)?,
            administrator: pair(folder, file_name::ADMINISTRATOR)?,
            service_account_key,
            service_account_public_key,
            bootstrap_token,
            certificate_key: line(file_name::CERTIFICATE_KEY)?,
            encryption_key,
        })
    }

    fn complete(mut self, given: &Given, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<KeyMaterial, PkiError> {
        for (brought, found, file, names) in [
            (&given.cluster_ca, &mut self.cluster_ca, file_name::CA, ["the given CA certificate", "the given CA key"]),
            (
                &given.etcd_ca,
                &mut self.etcd_ca,
                file_name::ETCD_CA,
                ["the given etcd CA certificate", "the given etcd CA key"],
            ),
            (
                &given.front_proxy_ca,
                &mut self.front_proxy_ca,
                file_name::FRONT_PROXY_CA,
                ["the given front-proxy CA certificate", "the given front-proxy CA key"],
            ),
        ] {
            bring(brought.as_ref(), found, file, names)?;
        }
        self.bring_service_account_key(given)?;
        let encryption_key = self.encryption_key(given, entropy)?;
        let bootstrap_token = self.bootstrap_token.take().unwrap_or_else(|| token::bootstrap_token(entropy));
        let certificate_key = self.certificate_key.take().unwrap_or_else(|| token::certificate_key(entropy));
        let service_account = match self.service_account_key.take() {
            Some(private) => found_service_account(private, self.service_account_public_key.take())?,
            None => ServiceAccountKey::new(given.is_trusted_outside, entropy)?,
        };
        let [cluster_ca, etcd_ca, front_proxy_ca, administrator] = self.complete_pairs(given, clock)?;
        let leaf = |leaf: &Option<CertifiedKey>, names, purpose| {
            leaf.as_ref().map(|leaf| leaf_of(leaf, names, purpose, &cluster_ca, clock)).transpose()
        };
        let api_server = leaf(&given.api_server, API_SERVER, Purpose::ApiServer)?;
        let kubelet_client = leaf(&given.kubelet_client, KUBELET_CLIENT, Purpose::KubeletClient)?;
        Ok(KeyMaterial {
            cluster_ca,
            etcd_ca,
            front_proxy_ca,
            service_account,
            administrator,
            api_server,
            kubelet_client,
            bootstrap_token,
            certificate_key,
            encryption_key,
        })
    }

    /// The service-account key that is given has to be the one that was found.
    fn bring_service_account_key(&mut self, given: &Given) -> Result<(), PkiError> {
        const NAME: &str = "the given service-account key";
        let Some(brought) = &given.service_account_key else { return Ok(()) };
        let brought = pem::private_key(NAME, brought)?;
        let public_half = service_account::public_half(NAME, &brought)?;
        if given.service_account_public_key.as_ref().is_some_and(|given| given.trim() != public_half.trim()) {
            let certificate = "the given public service-account key".to_owned();
            return Err(PkiError::Mismatch { certificate, key: NAME.to_owned() });
        }
        match &self.service_account_key {
            Some(found) if service_account::public_half(file_name::SERVICE_ACCOUNT_KEY, found)? != public_half => {
                Err(PkiError::Conflict { name: file_name::SERVICE_ACCOUNT_KEY.to_owned() })
            }
            Some(_) => Ok(()),
            None => {
                self.service_account_key = Some(brought);
                Ok(())
            }
        }
    }

    /// The key that encrypts secrets: the one found, which has to be the one given; made only where it is needed.
    fn encryption_key(&mut self, given: &Given, entropy: &dyn Entropy) -> Result<Option<Secret>, PkiError> {
        if let Some(brought) = &given.encryption_key {
            token::require_encryption_key("the given encryption key", brought)?;
        }
        match (self.encryption_key.take(), &given.encryption_key) {
            (Some(found), Some(brought)) if found != *brought => {
                Err(PkiError::Conflict { name: file_name::ENCRYPTION_KEY.to_owned() })
            }
            (Some(found), _) => Ok(Some(found)),
            (None, Some(brought)) => Ok(Some(brought.clone())),
            (None, None) => Ok(given.encrypts_secrets.then(|| token::encryption_key(entropy))),
        }
    }

    /// The three authorities and the administrator's pair.
    fn complete_pairs(self, given: &Given, clock: &dyn Clock) -> Result<[CertifiedKey; 4], PkiError> {
        // The names are kubeadm's.
        let authority = |found: Option<CertifiedKey>, file: &str, common_name: &str| match found {
            Some(found) => found.require_authority(&format!("{file}.crt"), clock).map(|()| found),
            None => CertifiedKey::new_authority(common_name, clock),
        };
        let cluster_ca = authority(self.cluster_ca, file_name::CA, "kubernetes")?;
        let etcd_ca = authority(self.etcd_ca, file_name::ETCD_CA, "etcd-ca")?;
        let front_proxy_ca = authority(self.front_proxy_ca, file_name::FRONT_PROXY_CA, "front-proxy-ca")?;
        let administrator_file = format!("{}.crt", file_name::ADMINISTRATOR);
        let administrator = match (&given.administrator, self.administrator) {
            (Some(brought), _) => leaf_of(brought, ADMINISTRATOR, Purpose::Administrator, &cluster_ca, clock)?,
            (None, Some(found)) if found.is_issued_by(&cluster_ca, &administrator_file, clock)? => found,
            _ => cluster_ca.issue_client(ADMINISTRATOR_GROUP, ADMINISTRATOR_NAME, clock)?,
        };
        Ok([cluster_ca, etcd_ca, front_proxy_ca, administrator])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests;
