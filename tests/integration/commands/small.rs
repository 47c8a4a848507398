//! The small verbs, the settings, and the flags that old scripts use.

use super::{Place, QUICKSTART, model};

/// A public key, and the folder that it lies in as a home.
fn with_key(place: &Place) -> String {
    let path = place.path("home/.ssh/id_ed25519.pub");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t me\n")
        .unwrap();
    place.path("home").display().to_string()
}

#[test]
fn a_model_to_begin_with_is_written_once_and_deploys() {
    let place = Place::new();
    let output = place.engine(&["init"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--ssh-public-key"), "says what is missing");
    assert!(!place.path("cluster.json").exists());

    let home = with_key(&place);
    let init = |arguments: &[&str]| place.command(arguments).env("HOME", &home).output().unwrap();
    assert_eq!(
        init(&["init", "-p", "first", "--worker-count", "1", "--control-plane-count", "1"]).status.code(),
        Some(0)
    );
    let text = std::fs::read_to_string(place.path("cluster.json")).unwrap();
    assert!(text.lines().filter(|line| line.trim_start().starts_with("//")).count() > 8, "{text}");
    assert_eq!(init(&["init"]).status.code(), Some(64), "it is there already");
    assert_eq!(std::fs::read_to_string(place.path("cluster.json")).unwrap(), text);
    assert_eq!(init(&["init", "other.json", "--control-plane-count", "2"]).status.code(), Some(65));
    assert!(!place.path("other.json").exists());
    assert_eq!(init(&["init", "-f", "--worker-count", "2"]).status.code(), Some(0));

    place.expect(0, &["validate", "cluster.json"]);
    place.expect(0, &["deploy", "cluster.json", "--target", "simulator", "--time-scale", "0"]);
    assert!(place.path("_output/mycluster/state").is_dir());
}

#[test]
fn the_manual_has_a_page_for_every_verb() {
    let place = Place::new();
    let told = place.json(&["man", "pages/man1"]);
    let pages: Vec<&str> = told["pages"].as_array().unwrap().iter().map(|page| page.as_str().unwrap()).collect();
    for verb in engine::cli::command().get_subcommands() {
        // What nobody types has none.
        let page = format!("engine-{}.1", verb.get_name());
        assert_ne!(pages.contains(&page.as_str()), verb.is_hide_set(), "{}", verb.get_name());
    }
    assert!(pages.contains(&"engine.1") && pages.contains(&"engine-config-show.1"), "{pages:?}");
    let page = std::fs::read_to_string(place.path("pages/man1/engine-deploy.1")).unwrap();
    assert!(
        page.contains(".TH engine-deploy 1") && page.contains("resource\\-group") && page.contains("Examples"),
        "{page}"
    );
}

#[test]
fn completions_know_the_verbs() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.expect(0, &["completion", shell]);
        assert!(script.contains("get-versions") && script.contains("output-directory"), "{shell}");
    }
}

#[test]
fn settings_come_from_flags_then_environment_then_file() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("project/deep")).unwrap();
    std::fs::write(place.path("project/engine.toml"), "# ours\ntarget = \"azure\"\ntime-scale = 0\ntenant-id = 't'\n")
        .unwrap();
    let show = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = place.command(&[&["config", "show", "--json"], arguments].concat());
        command.current_dir(place.path("project/deep")).envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        move |name: &str| {
            let settings = told["settings"].as_array().unwrap();
            let setting = settings.iter().find(|setting| setting["name"] == name).unwrap();
            (setting["value"].clone(), setting["origin"].as_str().unwrap().to_owned())
        }
    };
    let plain = show(&[], &[]);
    assert_eq!(plain("target"), ("azure".into(), "file".into()));
    assert_eq!(plain("time-scale"), (0.0.into(), "file".into()));
    assert_eq!(plain("strict"), (false.into(), "default".into()));
    assert_eq!(plain("subscription-id"), (serde_json::Value::Null, "default".into()));
    let variables = [("ENGINE_TARGET", "stack"), ("AZURE_TENANT_ID", "mine"), ("ENGINE_STRICT", "true")];
    let with_variables = show(&["--target", "simulator"], &variables);
    assert_eq!(with_variables("target"), ("simulator".into(), "command-line".into()));
    assert_eq!(with_variables("tenant-id"), ("mine".into(), "environment".into()));
    assert_eq!(with_variables("strict"), (true.into(), "environment".into()));

    let output =
        place.command(&["config", "show", "--origin"]).current_dir(place.path("project/deep")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let target = text.lines().find(|line| line.starts_with("target ")).unwrap();
    assert!(target.contains("azure") && target.ends_with("project/engine.toml:2"), "{text}");
    let output = place.command(&["config", "show"]).env("ENGINE_TARGT", "x").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean ENGINE_TARGET?"));
}

#[test]
fn settings_are_in_force_and_a_faulty_file_stops_everything_but_the_manual() {
    let place = Place::new();
    std::fs::copy(model(QUICKSTART), place.path("model.json")).unwrap();
    std::fs::write(place.path("engine.toml"), "api-model = 'model.json'\ntarget = 'simulator'\ntime-scale = 0\n")
        .unwrap();
    let told = place.json(&["plan"]);
    assert_eq!(told["target"], "simulator");
    // What is said beats what is set.
    let faulty = model("tests/models/ten-faults.json");
    place.expect(65, &["validate", &faulty]);
    assert_eq!(place.engine(&["plan", "--target", "stack"]).status.code(), Some(78));
    // `strict` is a switch; quickstart's warnings, if any, do not matter here.
    std::fs::write(place.path("engine.toml"), "strikt = true\ntarget = 'moon'\n").unwrap();
    for verb in [&["plan"][..], &["validate", "model.json"], &["config", "show"]] {
        let output = place.engine(&[verb, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(64), "{verb:?}");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let faults: Vec<(&str, u64, u64)> = told["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                (fault["code"].as_str().unwrap(), fault["line"].as_u64().unwrap(), fault["column"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(faults, [("setting-unknown", 1, 1), ("setting-value", 2, 10)], "{verb:?}");
        assert_eq!(told["diagnostics"][0]["help"], "did you mean `strict`?");
    }
    for verb in [&["version"][..], &["completion", "bash"], &["schema"], &["man", "pages"]] {
        place.expect(0, verb);
    }
    std::fs::remove_file(place.path("engine.toml")).unwrap();
    let output = place.command(&["plan", "model.json"]).env("ENGINE_TIME_SCALE", "fast").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ENGINE_TIME_SCALE"));
}

#[test]
fn versions_are_told_as_the_engines_before_told_them() {
    let place = Place::new();
    let all: serde_json::Value = serde_json::from_str(&place.expect(0, &["get-versions", "-o", "json"])).unwrap();
    let releases = all["releases"].as_array().unwrap();
    assert!(releases.len() > 3);
    let default = releases.iter().find(|release| release["default"] == true).unwrap();
    let newest = default["newest"].as_str().unwrap();
    assert!(default["upgrades"].as_array().unwrap().iter().all(|upgrade| upgrade.as_str().unwrap() > newest));
    assert!(!default["upgrades"].as_array().unwrap().is_empty());
    for version in [newest, &format!("v{newest}"), default["release"].as_str().unwrap()] {
        let arguments = ["orchestrators", "--orchestrator", "Kubernetes", "--version", version, "--windows"];
        let one = place.json(&[&arguments[..], &["--azure-env", "AzureChinaCloud"]].concat());
        assert_eq!(one["releases"], serde_json::json!([default]), "{version}");
    }
    place.expect(64, &["get-versions", "--version", "1.2.3"]);
    place.expect(64, &["get-versions", "--version", "1.35.999"]);
    place.expect(64, &["get-versions", "--azure-env", "AzureGermanCloud"]);
    place.expect(64, &["orchestrators", "--orchestrator", "DCOS"]);
    let version: serde_json::Value = serde_json::from_str(&place.expect(0, &["version", "-o", "json"])).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(!place.expect(0, &["--help"]).contains("orchestrators"), "hidden");
}

#[test]
fn generate_takes_the_flags_of_aks_engine() {
    let place = Place::new();
    let quickstart = model(QUICKSTART);
    let prefix = "--set=masterProfile.dnsPrefix=old";
    let flags = ["generate", "--debug", "--api-model", &quickstart, prefix, "-o", "readable"];
    place.expect(0, &flags);
    let service_principal = [
        "--client-id",
        "8d6e2a5c-0000-4000-8000-000000000000",
        "--client-secret",
        "canary-secret",
        "--no-pretty-print",
    ];
    // The keys are the same, so that only the look differs.
    std::fs::create_dir(place.path("compact")).unwrap();
    for entry in std::fs::read_dir(place.path("readable")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() && !entry.file_name().to_string_lossy().ends_with(".json") {
            std::fs::copy(entry.path(), place.path("compact").join(entry.file_name())).unwrap();
        }
    }
    place.expect(0, &["generate", &quickstart, prefix, "--no-pretty-print", "--output-directory", "compact"]);
    for file in ["azuredeploy.json", "azuredeploy.parameters.json"] {
        let read = |folder: &str| std::fs::read_to_string(place.path(folder).join(file)).unwrap();
        let (readable, compact) = (read("readable"), read("compact"));
        assert_eq!((compact.lines().count(), compact.contains("\": ")), (1, false), "{file}");
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(json(&readable), json(&compact), "{file}");
        assert!(json(&compact)["contentVersion"].is_string(), "{file}");
    }
    let mut only = vec!["generate", "-m", &quickstart, "-o", "only", "--parameters-only"];
    only.extend(service_principal);
    place.expect(0, &only);
    assert!(place.path("only/azuredeploy.parameters.json").exists() && place.path("only/ca.key").exists());
    assert!(!place.path("only/azuredeploy.json").exists() && !place.path("only/apimodel.json").exists());
    for half in ["--ca-certificate-path", "--ca-private-key-path"] {
        place.expect(64, &["generate", &quickstart, half, "readable/ca.crt"]);
    }
    place.expect(
        0,
        &[
            "generate",
            &quickstart,
            "-o",
            "own",
            "--ca-certificate-path",
            "readable/ca.crt",
            "--ca-private-key-path",
            "readable/ca.key",
        ],
    );
    let read = |path: &str| std::fs::read(place.path(path)).unwrap();
    assert_eq!(read("own/ca.crt"), read("readable/ca.crt"));
    assert_ne!(read("own/etcd-ca.crt"), read("readable/etcd-ca.crt"));
}

#[test]
fn deploy_takes_the_flags_of_aks_engine() {
    let place = Place::new();
    let quickstart = model(QUICKSTART);
    let simulator = ["--target", "simulator", "--time-scale", "0"];
    let deploy = |arguments: &[&str]| place.engine(&[&["deploy", "-m", &quickstart], arguments, &simulator].concat());
    let output = deploy(&["--azure-env", "AzureChinaCloud"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("westus2 belongs to AzurePublicCloud"));
    let arguments =
        ["--azure-env", "azurepubliccloud", "-l", "westus2", "-g", "group", "--auto-suffix", "-f", "--debug"];
    assert_eq!(deploy(&arguments).status.code(), Some(0));
    let folder = std::fs::read_dir(place.path("_output")).unwrap().next().unwrap().unwrap().path();
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let suffix = name.strip_prefix("quickstart-").unwrap();
    assert!(suffix.len() >= 8 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    let status = place.json(&["status", "--deployment-dir", folder.to_str().unwrap(), "-g", "group", "-l", "westus2"]);
    assert_eq!(status["cluster"], name.as_str());
    let scaled = [
        "scale",
        "--deployment-dir",
        folder.to_str().unwrap(),
        "-l",
        "westus2",
        "-g",
        "group",
        "-c",
        "3",
        "--node-pool",
        "agentpool1",
        "--master-FQDN",
        "x",
        "--time-scale",
        "0",
        "--yes",
    ];
    place.expect(0, &scaled);
    place.expect(
        0,
        &["what-if", "-m", folder.join("apimodel.json").to_str().unwrap(), "--exit-code", "--time-scale", "0"],
    );
}
