//! What a machine finds when it starts for the first time: Azure's provisioning medium with `ovf-env.xml`, or cloud-init's
//! NoCloud for images without Azure's data source. It holds customData, so that it is for the host's eyes only and goes as
//! soon as the machine is provisioned.
//!
//! Source: cloud-init 25.1, `DataSourceAzure.py` and `sources/helpers/azure.py` (`OvfEnvXml`), read 2026-11-28.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::iso;
use super::xml::{Element, element};
use crate::base::Secret;

/// What is provisioned.
#[derive(Debug)]
pub struct Provisioning<'a> {
    /// The machine's name.
    pub computer_name: &'a str,
    /// The machine's unique id.
    pub vm_id: &'a str,
    /// Who administers it.
    pub administrator: &'a str,
    /// The password, if it has one.
    pub password: Option<Secret>,
    /// The public keys.
    pub public_keys: Vec<&'a str>,
    /// `customData` as the body has it: base64.
    pub custom_data: Option<Secret>,
}

/// Azure's medium.
pub fn azure_medium(provisioning: &Provisioning<'_>) -> Vec<u8> {
    let environment = ovf_environment(provisioning);
    iso::image("OVFENV", &[("ovf-env.xml", environment.as_bytes())])
}

fn ovf_environment(provisioning: &Provisioning<'_>) -> String {
    let keys = provisioning.public_keys.iter().map(|key| {
        element("PublicKey")
            .with(element("Fingerprint").text(""))
            .with(element("Path").text(format!("/home/{}/.ssh/authorized_keys", provisioning.administrator)))
            .with(element("Value").text(key))
    });
    let password = provisioning.password.as_ref();
    let set = element("LinuxProvisioningConfigurationSet")
        .with(element("ConfigurationSetType").text("LinuxProvisioningConfiguration"))
        .with(element("HostName").text(provisioning.computer_name))
        .with(element("UserName").text(provisioning.administrator))
        .with_all(password.map(|password| element("UserPassword").text(password.expose())))
        .with(element("DisableSshPasswordAuthentication").text(password.is_none()))
        .with_all(provisioning.custom_data.iter().map(|data| element("CustomData").text(data.expose())))
        .with(element("SSH").with(element("PublicKeys").with_all(keys)));
    let platform = element("wa:PlatformSettingsSection").with(element("wa:Version").text("1.0")).with(
        element("PlatformSettings")
            .with(element("KmsServerHostname").text(""))
            .with(element("ProvisionGuestAgent").text("false"))
            .with(element("PreprovisionedVm").text("false")),
    );
    let environment: Element = element("Environment")
        .set("xmlns", "http://schemas.dmtf.org/ovf/environment/1")
        .set("xmlns:wa", "http://schemas.microsoft.com/windowsazure")
        .with(
            element("wa:ProvisioningSection")
                .with(element("wa:Version").text("1.0"))
                .with(set.set("xmlns", "http://schemas.microsoft.com/windowsazure")),
        )
        .with(platform.set("xmlns", "http://schemas.microsoft.com/windowsazure"));
    format!("<?xml version='1.0' encoding='utf-8'?>\n{}", environment.render())
}

/// cloud-init's own medium: what customData says is the user data, and the account is made by vendor data.
pub fn no_cloud_medium(provisioning: &Provisioning<'_>) -> Vec<u8> {
    let decoded = provisioning.custom_data.as_ref().map(|data| STANDARD.decode(data.expose()).unwrap_or_default());
    let user_data = decoded.unwrap_or_else(|| b"#cloud-config\n".to_vec());
    // JSON is YAML, and quotes whatever is in it.
    let text = |value: &str| Json::from(value).to_string();
    let metadata = format!(
        "{{\"instance-id\": {}, \"local-hostname\": {}}}\n",
        text(provisioning.vm_id),
        text(provisioning.computer_name)
    );
    let keys: Vec<String> = provisioning.public_keys.iter().map(|key| text(key)).collect();
    let password = provisioning.password.as_ref().map_or_else(
        || "\"lock_passwd\": true".to_owned(),
        |password| format!("\"lock_passwd\": false, \"plain_text_passwd\": {}", text(password.expose())),
    );
    let vendor_data = format!(
        "#cloud-config\n{{\"users\": [{{\"name\": {}, \"shell\": \"/bin/bash\", \"sudo\": \"ALL=(ALL) NOPASSWD:ALL\", \
         {password}, \"ssh_authorized_keys\": [{}]}}]}}\n",
        text(provisioning.administrator),
        keys.join(", ")
    );
    let files: [iso::File<'_>; 3] =
        [("user-data", &user_data), ("meta-data", metadata.as_bytes()), ("vendor-data", vendor_data.as_bytes())];
    iso::image("CIDATA", &files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    fn provisioning() -> Provisioning<'static> {
        Provisioning {
            computer_name: "k8s-master-0",
            vm_id: "6f1c",
            administrator: "azureuser",
            password: None,
            public_keys: vec!["ssh-ed25519 AAAA <me>"],
            custom_data: Some(Secret::new(STANDARD.encode("#cloud-config\nruncmd: []\n"))),
        }
    }

    #[test]
    fn azures_medium_says_who_and_what() {
        let text = ovf_environment(&provisioning());
        let expected = "<?xml version='1.0' encoding='utf-8'?>
<Environment xmlns='http://schemas.dmtf.org/ovf/environment/1' xmlns:wa='http://schemas.microsoft.com/windowsazure'>
  <wa:ProvisioningSection>
    <wa:Version>1.0</wa:Version>
    <LinuxProvisioningConfigurationSet xmlns='http://schemas.microsoft.com/windowsazure'>
      <ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType>
      <HostName>k8s-master-0</HostName>
      <UserName>azureuser</UserName>
      <DisableSshPasswordAuthentication>true</DisableSshPasswordAuthentication>
      <CustomData>I2Nsb3VkLWNvbmZpZwpydW5jbWQ6IFtdCg==</CustomData>
      <SSH>
        <PublicKeys>
          <PublicKey>
            <Fingerprint></Fingerprint>
            <Path>/home/azureuser/.ssh/authorized_keys</Path>
            <Value>ssh-ed25519 AAAA &lt;me&gt;</Value>
          </PublicKey>
        </PublicKeys>
      </SSH>
    </LinuxProvisioningConfigurationSet>
  </wa:ProvisioningSection>
  <wa:PlatformSettingsSection xmlns='http://schemas.microsoft.com/windowsazure'>
    <wa:Version>1.0</wa:Version>
    <PlatformSettings>
      <KmsServerHostname></KmsServerHostname>
      <ProvisionGuestAgent>false</ProvisionGuestAgent>
      <PreprovisionedVm>false</PreprovisionedVm>
    </PlatformSettings>
  </wa:PlatformSettingsSection>
</Environment>
";
        assert_eq!(text, expected);
        assert!(azure_medium(&provisioning()).windows(11).any(|part| part == b"OVF-ENV.XML"));
    }

    #[test]
    fn cloud_inits_own_medium_holds_what_custom_data_says() {
        let medium = no_cloud_medium(&provisioning());
        let holds = |part: &[u8]| medium.windows(part.len()).any(|window| window == part);
        assert!(holds(b"#cloud-config\nruncmd: []\n") && holds(b"\"local-hostname\": \"k8s-master-0\""));
        assert!(holds(b"ssh-ed25519 AAAA <me>") && holds(b"\"lock_passwd\": true"));
        let medium = no_cloud_medium(&Provisioning { password: Some(Secret::new("p\"w")), ..provisioning() });
        let holds = |part: &[u8]| medium.windows(part.len()).any(|window| window == part);
        assert!(holds(b"\"lock_passwd\": false, \"plain_text_passwd\": \"p\\\"w\""));
    }
}
