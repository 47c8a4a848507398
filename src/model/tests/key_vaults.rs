//! Secrets by their place in a key vault: read, kept, refused.

use serde_json::json;

use super::broken::{Case, K, P, at, case};
use super::*;
use crate::contract::KeyVaultSecret;
use crate::model::{Identity, ServicePrincipalSecret};

const VAULT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/my-vault";
const PRINCIPAL: &str = "/properties/servicePrincipalProfile";

/// What cannot be a place of a secret, or not be read from there.
pub(super) fn cases() -> Vec<Case> {
    const CODE: &str = "key-vault-reference";
    let principal = |pointer: &str, profile: Value| {
        case(CODE, pointer.into(), &[(at(K, "useManagedIdentity"), json!(false)), (PRINCIPAL.into(), profile)])
    };
    let elsewhere = format!("{}/evil.example/secrets/x", VAULT.rsplit_once('/').unwrap().0);
    let windows = |password: &str| {
        let profile = json!({"adminUsername": "azureuser", "adminPassword": password});
        vec![(at(P, "osType"), json!("Windows")), ("/properties/windowsProfile".into(), profile)]
    };
    let keys = |key: String| ("/properties/linuxProfile/ssh/publicKeys".to_owned(), json!([{ "keyData": key }]));
    let key = "/properties/linuxProfile/ssh/publicKeys/0/keyData";
    let mut with_windows = windows("Correct-Horse-9");
    with_windows.push(keys(format!("{VAULT}/secrets/key")));
    vec![
        principal(&at(PRINCIPAL, "secret"), json!({"clientId": "c", "secret": elsewhere})),
        principal(
            &at(PRINCIPAL, "keyvaultSecretRef"),
            json!({"clientId": "c", "keyvaultSecretRef": {"vaultID": VAULT, "secretName": "a b"}}),
        ),
        case(CODE, "/properties/windowsProfile/adminPassword".into(), &windows(&format!("{VAULT}/secrets/"))),
        case(CODE, key.into(), &[keys(format!("{VAULT}/secrets/a/b/c"))]),
        case(CODE, key.into(), &with_windows),
    ]
}

/// The quick start without managed identity, with this service principal.
fn of_principal(profile: Value) -> Cluster {
    let mut model = quickstart();
    model["properties"]["orchestratorProfile"]["kubernetesConfig"]["useManagedIdentity"] = false.into();
    model["properties"]["servicePrincipalProfile"] = profile;
    let reading = read_value(&model);
    assert_eq!(errors(&reading.diagnostics), Vec::<String>::new());
    reading.cluster.unwrap()
}

#[test]
fn a_service_principals_secret_is_known_by_its_place() {
    let place = |version: Option<&str>| {
        let (vault_id, name) = (VAULT.to_owned(), "password".to_owned());
        ServicePrincipalSecret::KeyVault(KeyVaultSecret { vault_id, name, version: version.map(str::to_owned) })
    };
    for (secret, reference, expected) in [
        (format!("{VAULT}/secrets/password"), Value::Null, place(None)),
        (format!("{VAULT}/secrets/password/1a"), Value::Null, place(Some("1a"))),
        (String::new(), json!({"vaultID": VAULT, "secretName": "password", "version": ""}), place(None)),
        (String::new(), json!({"vaultID": VAULT, "secretName": "password", "version": "1a"}), place(Some("1a"))),
    ] {
        let cluster = of_principal(json!({"clientId": "c", "secret": secret, "keyvaultSecretRef": reference}));
        let Identity::ServicePrincipal { secret, .. } = &cluster.identity else { panic!("{:?}", cluster.identity) };
        assert_eq!(*secret, expected);
        // What is written is read to the same.
        let written = read_value(&cluster.to_api_model());
        assert_eq!(written.cluster.unwrap().identity, cluster.identity);
    }
}

#[test]
fn a_password_and_a_key_may_lie_in_a_key_vault() {
    let mut model = quickstart();
    let properties = &mut model["properties"];
    properties["linuxProfile"]["ssh"]["publicKeys"] = json!([{ "keyData": format!("{VAULT}/secrets/key") }]);
    properties["agentPoolProfiles"][0]["osType"] = "Windows".into();
    let password = format!("{VAULT}/secrets/password");
    properties["windowsProfile"] =
        json!({"adminUsername": "azureuser", "adminPassword": password, "sshEnabled": false});
    let reading = read_value(&model);
    assert_eq!(errors(&reading.diagnostics), Vec::<String>::new());
    let cluster = reading.cluster.unwrap();
    assert_eq!(cluster.windows.unwrap().admin_password.expose(), password);
}
