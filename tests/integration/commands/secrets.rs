//! A model full of secrets: none of them is seen in what the program says, nor in a file that others may read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::{Place, model};

/// What no secret of the model lacks; its base64 has it at three places of a group of three bytes.
const CANARY: &str = "Canary-1-in-the-coal-mine";

fn full_of_secrets() -> Json {
    let mut model: Json =
        serde_json::from_str(&std::fs::read_to_string(model("apimodels/windows-pool.json")).unwrap()).unwrap();
    let key = format!("{CANARY}{}", "-".repeat(32 - CANARY.len()));
    let reference = "https://example.org/extension";
    let properties = &mut model["properties"];
    properties["orchestratorProfile"]["kubernetesConfig"] = json!({
        "useManagedIdentity": false,
        "enableDataEncryptionAtRest": true,
        "etcdEncryptionKey": STANDARD.encode(key),
        "addons": [{"name": "mine", "enabled": true, "config": {"storageKey": CANARY, "apiToken": CANARY}}],
    });
    properties["servicePrincipalProfile"] = json!({"clientId": "client", "secret": CANARY});
    properties["windowsProfile"]["adminPassword"] = CANARY.into();
    // A key may have words before it.
    let pair = |name: &str| {
        let path = |kind: &str| super::model(&format!("tests/keys/{name}.{kind}"));
        let text = |kind: &str| std::fs::read_to_string(path(kind)).unwrap();
        (text("crt"), format!("{CANARY}\n{}", text("key")))
    };
    let ((ca, ca_key), (client, client_key)) = (pair("ca"), pair("kubectlClient"));
    properties["certificateProfile"] = json!({
        "caCertificate": ca,
        "caPrivateKey": ca_key,
        "clientCertificate": client,
        "clientPrivateKey": client_key,
        "kubeConfigCertificate": client,
        "kubeConfigPrivateKey": client_key,
        "etcdServerPrivateKey": CANARY,
        "etcdClientPrivateKey": CANARY,
        "etcdPeerPrivateKeys": [CANARY],
    });
    let id = "11111111-2222-3333-4444-555555555555";
    properties["aadProfile"] = json!({"clientAppID": id, "serverAppID": id, "serverAppSecret": CANARY, "tenantID": id});
    properties["extensionProfiles"] = json!([{"name": "x", "version": "v1", "rootURL": reference, "script": "x.sh", "extensionParameters": CANARY, "urlQuery": CANARY}]);
    properties["masterProfile"]["preProvisionExtension"] = json!({"name": "x"});
    properties["masterProfile"]["customFiles"] = json!([{"source": "own.yaml", "dest": "/etc/kubernetes/own.yaml"}]);
    model
}

/// The canary in clear, and the middle of its base64 however it stands in what is encoded.
fn needles() -> Vec<String> {
    let encoded = (0..3).map(|before| {
        let text = STANDARD.encode(format!("{}{CANARY}", "x".repeat(before)));
        text[4..text.len() - 4].to_owned()
    });
    std::iter::once(CANARY.to_owned()).chain(encoded).collect()
}

/// The deployment in which a cloud fails is one that ends with 75.
fn is_interrupted(arguments: &[&str], output: &std::process::Output) -> bool {
    arguments.contains(&"--faults") && output.status.code() == Some(75)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn test_28_no_secret_is_said_or_lies_in_a_file_for_others() {
    let needles = needles();
    let shown = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        needles.iter().any(|needle| text.contains(needle.as_str()))
    };
    // On one line, every excerpt of the text would be the whole model.
    for pretty in [true, false] {
        let place = Place::new();
        let value = full_of_secrets();
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        assert!(shown(text.as_bytes()));
        let name = place.path("model.json");
        std::fs::write(&name, text).unwrap();
        std::fs::write(place.path("own.yaml"), CANARY).unwrap();
        // A cloud that says what it was told: the machine's password, within an error.
        let echo = json!({ "kind": "fails", "code": "OSProvisioningClientError", "message": format!("the password {CANARY} is too weak") });
        let rules = json!([{ "type": "Microsoft.Compute/virtualMachines*", "times": "always", "fault": echo }]);
        std::fs::write(place.path("faults.json"), json!({ "format": 1, "rules": rules }).to_string()).unwrap();
        let (name, folder) = (name.to_str().unwrap().to_owned(), place.cluster());
        let folder = folder.to_str().unwrap();
        for arguments in [
            &["validate", &name][..],
            &["validate", &name, "--json"],
            &["explain", &name],
            &["explain", &name, "--json"],
            &["graph", &name, "--format", "json"],
            &["graph", &name, "--format", "html"],
            &["generate", &name, "-o", folder],
            &["plan", &name, "-o", folder, "--target", "simulator"],
            &["plan", &name, "-o", folder, "--target", "simulator", "--json"],
            &["plan", &name, "-o", folder, "--target", "simulator", "--out", "kept.plan"],
            &[
                "deploy",
                &name,
                "-o",
                folder,
                "--target",
                "simulator",
                "--time-scale",
                "0",
                "--trace",
                "trace",
                "--faults",
                "faults.json",
            ],
            &["resume", "-o", folder, "--time-scale", "0", "--trace", "trace", "--json"],
            &["status", "-o", folder, "--json"],
            &["deploy", &name, "-o", folder, "--rehearse", "--json"],
            &["destroy", "-o", folder, "--rehearse"],
        ] {
            let output = place.engine(arguments);
            let (out, told) = (&output.stdout, &output.stderr);
            assert!(!shown(out) && !shown(told), "{arguments:?}:\n{}", String::from_utf8_lossy(told));
            assert!(
                [Some(0), Some(2)].contains(&output.status.code()) || is_interrupted(arguments, &output),
                "{arguments:?}: {}",
                String::from_utf8_lossy(told)
            );
        }

        // What is published, or shown to whoever helps.
        let published = ["state/state.json", "azuredeploy.json", "simulator/requests.jsonl", "report.html"];
        let published = published.iter().map(|name| place.cluster().join(name)).filter(|path| path.exists());
        let published: Vec<PathBuf> = published.chain([place.path("kept.plan"), place.path("trace")]).collect();
        assert!(published.len() >= 5, "{published:?}");
        for path in &published {
            let content = std::fs::read(path).unwrap();
            assert!(content.len() > 100 && !shown(&content), "{}", path.display());
        }

        // The folder stands on its own: the model in it finds the user's file there.
        std::fs::remove_file(place.path("own.yaml")).unwrap();
        place.expect(0, &["validate", place.cluster().join("apimodel.json").to_str().unwrap()]);
        assert_eq!(std::fs::read_to_string(place.cluster().join("custom-files/0")).unwrap(), CANARY);

        let mut with_secrets = 0;
        for path in files(Path::new(folder)) {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            if shown(&std::fs::read(&path).unwrap()) {
                with_secrets += 1;
                assert_eq!(mode, 0o600, "{}", path.display());
            }
        }
        // The model, its file and the parameters.
        assert!(with_secrets >= 3, "{with_secrets}");
        assert!(!shown(&std::fs::read(place.cluster().join("azuredeploy.json")).unwrap()));
    }
}

/// What the simulator's vaults answer begins with this.
const OF_VAULT: &str = "Simulated-";

#[test]
fn what_lies_in_a_key_vault_stays_there() {
    let place = Place::new();
    let (name, folder) = (model("apimodels/key-vault-secrets.json"), place.cluster());
    let folder_name = folder.to_str().unwrap();
    // Nobody is asked for it while the template is written.
    place.expect(0, &["generate", &name, "-o", folder_name]);
    let parameters: Json =
        serde_json::from_str(&std::fs::read_to_string(folder.join("azuredeploy.parameters.json")).unwrap()).unwrap();
    let given = |name: &str| &parameters["parameters"][name]["reference"];
    let (principal, password) = (given("servicePrincipalClientSecret"), given("windowsAdminPassword"));
    let vault = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/secrets/providers/Microsoft.KeyVault/vaults/replace-with-your-own";
    assert_eq!(
        *principal,
        json!({ "keyVault": { "id": vault }, "secretName": "principal-password", "secretVersion": "0123456789abcdef0123456789abcdef" })
    );
    assert_eq!(*password, json!({ "keyVault": { "id": vault }, "secretName": "windows-password" }));
    let template = std::fs::read_to_string(folder.join("azuredeploy.json")).unwrap();
    let expression =
        "[concat(parameters('masterCustomData'), base64(base64(parameters('servicePrincipalClientSecret'))))]";
    assert!(template.contains(expression));

    for arguments in [
        &["plan", &name, "-o", folder_name, "--target", "simulator", "--time-scale", "0"][..],
        &["deploy", &name, "-o", folder_name, "--target", "simulator", "--time-scale", "0", "--yes"],
        &["plan", &name, "-o", folder_name, "--target", "simulator", "--time-scale", "0", "--json"],
    ] {
        let output = place.engine(arguments);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains(OF_VAULT), "{said}");
    }
    let read = |(method, path, status): &(String, String, u64)| {
        method == "GET" && path.starts_with("/vaults/replace-with-your-own/secrets/") && *status == 200
    };
    assert!(place.requests().iter().filter(|request| read(request)).count() >= 2);
    // The run is over, and its secrets with it. Base64 of the beginning stands at the beginning of a group of three.
    let encoded = STANDARD.encode(&OF_VAULT[..9]);
    for path in files(&folder).into_iter().filter(|path| !path.starts_with(folder.join("simulator"))) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(OF_VAULT) && !text.contains(&encoded), "{}", path.display());
    }
}
