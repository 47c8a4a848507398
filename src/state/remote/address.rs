//! The address of a state in a store of objects, and the way there.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::base::Environment;
use crate::state::StateError;

/// The length of a tag's value in Azure (what hashicorp/terraform-provider-azurestack 1.0.0 lets pass, `StorageAccountTags`,
/// read 2026-11-28).
const LONGEST: usize = 256;

/// Whose store it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// Azure Blob, with the storage account.
    Azure {
        /// The account.
        account: String,
    },
    /// S3, or what speaks its protocol.
    Amazon,
    /// Google Cloud Storage.
    Google,
}

/// Where a state is kept: `azblob://account/container/prefix`, `s3://bucket/prefix`, `gs://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whose store.
    pub provider: Provider,
    /// The container or bucket.
    pub container: String,
    /// What all names in it begin with, without slashes at its ends; may be empty.
    pub prefix: String,
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.provider {
            Provider::Azure { account } => write!(formatter, "azblob://{account}/{}", self.container)?,
            Provider::Amazon => write!(formatter, "s3://{}", self.container)?,
            Provider::Google => write!(formatter, "gs://{}", self.container)?,
        }
        if self.prefix.is_empty() { Ok(()) } else { write!(formatter, "/{}", self.prefix) }
    }
}

impl std::str::FromStr for Address {
    type Err = StateError;

    fn from_str(text: &str) -> Result<Self, StateError> {
        let wrong = |problem: &str| StateError::Address { address: text.to_owned(), problem: problem.to_owned() };
        if text.len() > LONGEST {
            return Err(wrong("it is longer than the 256 characters that a tag in Azure holds"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no `://`"))?;
        if rest.contains(['?', '#', '@', '%', '\\']) || rest.chars().any(|letter| letter.is_control() || letter == ' ')
        {
            return Err(wrong(
                "it may have letters, digits, `-`, `_`, `.` and `/` only; credentials are given by the environment",
            ));
        }
        let mut parts = rest.trim_end_matches('/').split('/');
        let mut next = |what: &str| {
            let part = parts.next().unwrap_or_default();
            if part.is_empty() { Err(wrong(what)) } else { Ok(part.to_owned()) }
        };
        let (provider, container) = match scheme {
            "azblob" => (
                Provider::Azure { account: next("the storage account is missing")? },
                next("the container is missing")?,
            ),
            "s3" => (Provider::Amazon, next("the bucket is missing")?),
            "gs" => (Provider::Google, next("the bucket is missing")?),
            _ => return Err(wrong("the schemes are azblob, s3, gs")),
        };
        let prefix: Vec<&str> = parts.collect();
        if prefix.iter().any(|part| part.is_empty() || *part == "." || *part == "..") {
            return Err(wrong("a part of the prefix is empty or made of dots"));
        }
        Ok(Self { provider, container, prefix: prefix.join("/") })
    }
}

/// Variables that say more of the way to a store than its address does. Their names are those of `object_store`, which
/// has them from the providers' own tools.
const VARIABLES: [&str; 3] = ["AZURE_", "AWS_", "GOOGLE_"];

impl Address {
    /// The store itself. Credentials and endpoints come from the environment.
    pub(super) fn connect(
        &self,
        environment: &Environment,
        certificates: &[String],
    ) -> Result<Arc<dyn ObjectStore>, StateError> {
        let of = |beginning: &'static str| {
            environment
                .names_beginning_with(beginning)
                .filter_map(|name| Some((name.to_ascii_lowercase(), environment.get(name)?.to_owned())))
        };
        let failed = |error: object_store::Error| StateError::Remote {
            place: self.to_string().into(),
            cause: error.to_string(),
            refused: false,
        };
        let plain = ["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "GOOGLE_BASE_URL"]
            .iter()
            .filter_map(|name| environment.get(name))
            .any(is_on_loopback);
        let mut client = ClientOptions::new().with_allow_http(plain);
        for certificate in certificates {
            let certificate = object_store::Certificate::from_pem(certificate.as_bytes()).map_err(failed)?;
            client = client.with_root_certificate(certificate);
        }
        let [azure, amazon, google] = VARIABLES;
        Ok(match &self.provider {
            Provider::Azure { account } => {
                let mut builder = MicrosoftAzureBuilder::new();
                for (name, value) in of(azure) {
                    // As the tools of Azure call it.
                    let name = if name == "azure_storage_key" { "azure_storage_access_key".to_owned() } else { name };
                    if let Ok(key) = name.parse::<AzureConfigKey>() {
                        builder = builder.with_config(key, value);
                    }
                }
                let builder = builder.with_account(account).with_container_name(&self.container);
                Arc::new(builder.with_client_options(client).with_retry(patience()).build().map_err(failed)?)
            }
            Provider::Amazon => {
                let mut builder = AmazonS3Builder::new();
                for (name, value) in of(amazon) {
                    if let Ok(key) = name.parse::<AmazonS3ConfigKey>() {
                        builder = builder.with_config(key, value);
                    }
                }
                let builder = builder.with_bucket_name(&self.container);
                Arc::new(builder.with_client_options(client).with_retry(patience()).build().map_err(failed)?)
            }
            Provider::Google => {
                let mut builder = GoogleCloudStorageBuilder::new();
                for (name, value) in of(google) {
                    if let Ok(key) = name.parse::<GoogleConfigKey>() {
                        builder = builder.with_config(key, value);
                    }
                }
                let builder = builder.with_bucket_name(&self.container);
                Arc::new(builder.with_client_options(client).with_retry(patience()).build().map_err(failed)?)
            }
        })
    }
}

/// People wait for this, so it gives up sooner than what runs at night.
fn patience() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 6, retry_timeout: std::time::Duration::from_secs(45) }
}

/// Whether an endpoint is this machine's own, where nobody listens in.
fn is_on_loopback(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}
