//! The clouds and their endpoints.
//!
//! Source: the published endpoints of each cloud's Azure Resource Manager (`/metadata/endpoints`) and
//! learn.microsoft.com, "Azure Government" and "Azure China developer guide", read 2026-11-21.
//! Azure Germany (closed in October 2021) is absent. Azure Stack Hub's endpoints follow from its portal's address.

/// Which Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cloud {
    /// Public Azure.
    Public,
    /// Azure in China, operated by 21Vianet.
    China,
    /// Azure for the government of the United States.
    UsGovernment,
    /// Azure Stack Hub.
    Stack,
}

/// A cloud's endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloudFacts {
    /// The name that `--azure-env`, azure.json and the SDKs use.
    pub environment: &'static str,
    /// Azure Resource Manager, without a slash at the end; empty for Azure Stack Hub (it depends on the stamp).
    pub resource_manager: &'static str,
    /// The token audience for it.
    pub audience: &'static str,
    /// Where tokens come from.
    pub login_authority: &'static str,
    /// What follows `<label>.<location>.` in a public address's name.
    pub public_dns_suffix: &'static str,
    /// What follows an account's name in its blob endpoint, after `blob.`.
    pub storage_suffix: &'static str,
    /// What follows a vault's name.
    pub key_vault_suffix: &'static str,
    /// What follows a container registry's name.
    pub container_registry_suffix: &'static str,
}

impl Cloud {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Public, Self::China, Self::UsGovernment, Self::Stack];

    /// Its endpoints.
    pub const fn facts(self) -> CloudFacts {
        match self {
            Self::Public => CloudFacts {
                environment: "AzurePublicCloud",
                resource_manager: "https://management.azure.com",
                audience: "https://management.azure.com/",
                login_authority: "https://login.microsoftonline.com",
                public_dns_suffix: "cloudapp.azure.com",
                storage_suffix: "core.windows.net",
                key_vault_suffix: "vault.azure.net",
                container_registry_suffix: "azurecr.io",
            },
            Self::China => CloudFacts {
                environment: "AzureChinaCloud",
                resource_manager: "https://management.chinacloudapi.cn",
                audience: "https://management.chinacloudapi.cn/",
                login_authority: "https://login.chinacloudapi.cn",
                public_dns_suffix: "cloudapp.chinacloudapi.cn",
                storage_suffix: "core.chinacloudapi.cn",
                key_vault_suffix: "vault.azure.cn",
                container_registry_suffix: "azurecr.cn",
            },
            Self::UsGovernment => CloudFacts {
                environment: "AzureUSGovernmentCloud",
                resource_manager: "https://management.usgovcloudapi.net",
                audience: "https://management.usgovcloudapi.net/",
                login_authority: "https://login.microsoftonline.us",
                public_dns_suffix: "cloudapp.usgovcloudapi.net",
                storage_suffix: "core.usgovcloudapi.net",
                key_vault_suffix: "vault.usgovcloudapi.net",
                container_registry_suffix: "azurecr.us",
            },
            Self::Stack => CloudFacts {
                environment: "AzureStackCloud",
                resource_manager: "",
                audience: "",
                login_authority: "",
                public_dns_suffix: "cloudapp.azurestack.external",
                storage_suffix: "azurestack.external",
                key_vault_suffix: "vault.azurestack.external",
                container_registry_suffix: "azurecr.io",
            },
        }
    }

    /// The cloud of an `--azure-env` name, without regard to case.
    pub fn from_environment(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.facts().environment.eq_ignore_ascii_case(name))
    }

    /// The cloud a region belongs to, by its name: `china…`, `usgov…` and `usdod…` are sovereign.
    pub fn of_location(location: &str) -> Self {
        let location = location.to_ascii_lowercase();
        if location.starts_with("china") {
            Self::China
        } else if location.starts_with("usgov") || location.starts_with("usdod") {
            Self::UsGovernment
        } else {
            Self::Public
        }
    }
}
