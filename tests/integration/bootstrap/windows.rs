//! customData of Windows machines: what is committed, whether PowerShell's grammar takes it, and what is in it.

use std::collections::BTreeMap;

use engine::bootstrap::{
    self, BootstrapError, CustomData, Network, WindowsFiles, WindowsMachine, WindowsSoftware, windows_wait_command,
    windows_worker,
};
use serde_json::Value as Json;
use tree_sitter::{Node, Parser};

use super::fixture;
use crate::golden::assert_kept;

fn machine() -> WindowsMachine {
    let mut cluster = fixture::cluster();
    cluster.windows_nodes = true;
    cluster.network = Network::Azure { plugin_url: String::new(), plugin_sha256: String::new() };
    WindowsMachine {
        cluster,
        node: fixture::worker().node,
        software: WindowsSoftware::Files(WindowsFiles {
            kubernetes_url: "https://dl.k8s.io/v1.35.9/bin/windows/amd64".to_owned(),
            containerd_url: "https://github.com/containerd/containerd/releases/download/v2.3.3/containerd-2.3.3-windows-amd64.tar.gz".to_owned(),
            network_plugin_url: "https://packages.aks.azure.com/azure-cni/v1.6.43/binaries/azure-vnet-cni-windows-amd64-v1.6.43.zip".to_owned(),
            mirror: false,
        }),
        virtual_network_ranges: vec!["10.0.0.0/8".parse().unwrap()],
        ssh_enabled: true,
        ssh_public_keys: vec!["ssh-ed25519 AAAAexample somebody's key".to_owned()],
    }
}

fn kubenet() -> WindowsMachine {
    let mut machine = machine();
    machine.cluster.network = Network::Kubenet;
    machine.cluster.cloud.instance_metadata = false;
    machine.cluster.cloud.environment = "{\"name\":\"AzureStackCloud\"}\n".to_owned();
    machine.software = WindowsSoftware::PreparedImage;
    machine.ssh_enabled = false;
    machine
}

fn script(data: &CustomData) -> &str {
    data.cloud_config.expose().strip_prefix('\u{feff}').expect("PowerShell needs the byte order mark")
}

fn parse(text: &str) -> tree_sitter::Tree {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    parser.parse(text, None).unwrap()
}

fn visit<'a>(node: Node<'a>, seen: &mut impl FnMut(Node<'a>)) {
    seen(node);
    let mut cursor = node.walk();
    for child in node.children(&mut cursor).collect::<Vec<_>>() {
        visit(child, seen);
    }
}

/// The lines that PowerShell's grammar does not take.
pub fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    visit(parse(text).root_node(), &mut |node| {
        if node.is_error() || node.is_missing() {
            let row = node.start_position().row;
            faults.push(format!("{}: {}", row + 1, text.lines().nth(row).unwrap_or_default()));
        }
    });
    faults
}

/// The files in a script, as PowerShell reads its table of them.
fn files(text: &str) -> BTreeMap<String, String> {
    let table = text.split_once("$Files = [ordered]@{\n").unwrap().1;
    let mut files = BTreeMap::new();
    let mut rest = table;
    while let Some(start) = rest.strip_prefix("    '") {
        let (path, after) = literal(start);
        let (content, after) = literal(after.strip_prefix(" = '").unwrap());
        files.insert(path, content);
        rest = after.strip_prefix('\n').unwrap();
    }
    assert!(rest.starts_with('}'), "{rest}");
    files
}

/// A literal up to its end, and what follows.
fn literal(text: &str) -> (String, &str) {
    let mut read = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                characters.next();
                read.push('\'');
            }
            '\'' => return (read, &text[at + 1..]),
            other => read.push(other),
        }
    }
    panic!("a literal without end")
}

#[test]
fn windows_worker_is_as_committed() {
    let azure = windows_worker(&machine()).unwrap();
    assert_kept("tests/golden/bootstrap-windows/azure.ps1", script(&azure));
    let kubenet = windows_worker(&kubenet()).unwrap();
    assert_kept("tests/golden/bootstrap-windows/kubenet.ps1", script(&kubenet));
    assert_kept("tests/golden/bootstrap-windows/wait.txt", &format!("{}\n", windows_wait_command(45).unwrap()));
    println!("base64 characters: azure {}, kubenet {}", azure.base64_length, kubenet.base64_length);
    assert!(azure.base64_length.max(kubenet.base64_length) < bootstrap::LIMIT);
    assert_eq!(azure, windows_worker(&machine()).unwrap());
}

#[test]
fn powershells_grammar_takes_the_scripts() {
    assert_ne!(faults("if ($a { 'b' }"), Vec::<String>::new(), "the grammar finds faults");
    for machine in [machine(), kubenet()] {
        let data = windows_worker(&machine).unwrap();
        assert_eq!(faults(script(&data)), Vec::<String>::new());
    }
    let command = windows_wait_command(45).unwrap();
    let inner = command.split_once("-Command \"").unwrap().1.strip_suffix('"').unwrap();
    assert_eq!(faults(inner), Vec::<String>::new());
    // The command passes through the command line, which takes these for its own.
    assert!(!inner.contains(['"', '%', '\n']), "{inner}");
    assert!(command.len() < 8192, "longer than a command line: {}", command.len());
}

#[test]
fn every_step_that_is_named_is_there() {
    let data = windows_worker(&machine()).unwrap();
    let text = script(&data);
    let line = text.lines().find(|line| line.trim_start().starts_with("foreach ($name in 'host'")).unwrap();
    let names: Vec<&str> = line.split('\'').skip(1).step_by(2).collect();
    assert!(names.len() >= 10, "{names:?}");
    let defined: Vec<String> = text
        .lines()
        .filter_map(|line| Some(line.strip_prefix("function ")?.split(' ').next()?.to_lowercase()))
        .collect();
    for name in names {
        assert!(defined.contains(&format!("step-{name}")), "{name}");
    }
}

/// Every function that a script calls is its own or one of the system's, which are told apart by their names: the
/// system's are listed.
#[test]
fn calls_lead_somewhere() {
    const SYSTEM: &[&str] = &[
        "Add-Content",
        "Add-WindowsCapability",
        "ConvertTo-Json",
        "Copy-Item",
        "ForEach-Object",
        "Get-CimInstance",
        "Get-Content",
        "Get-Date",
        "Get-FileHash",
        "Get-HnsNetwork",
        "Get-NetFirewallRule",
        "Get-NetIPAddress",
        "Get-NetRoute",
        "Get-Partition",
        "Get-PartitionSupportedSize",
        "Get-Service",
        "Find-NetRoute",
        "Install-WindowsFeature",
        "Invoke-RestMethod",
        "Join-Path",
        "Move-Item",
        "New-Item",
        "New-NetFirewallRule",
        "New-Service",
        "Out-Null",
        "Out-String",
        "Remove-HnsNetwork",
        "Remove-Item",
        "Resize-Partition",
        "Restart-Service",
        "Select-Object",
        "Set-ItemProperty",
        "Set-Service",
        "Sort-Object",
        "Split-Path",
        "Start-Service",
        "Start-Sleep",
        "Stop-Service",
        "Test-Path",
        "Where-Object",
        "powercfg.exe",
        "shutdown.exe",
    ];
    for machine in [machine(), kubenet()] {
        let data = windows_worker(&machine).unwrap();
        let text = script(&data);
        let defined: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("function ")?.split(' ').next()).collect();
        let mut called = Vec::new();
        visit(parse(text).root_node(), &mut |node| {
            if node.kind() == "command_name" {
                called.push(node.utf8_text(text.as_bytes()).unwrap().to_owned());
            }
        });
        assert!(called.len() > 100, "{}", called.len());
        for name in called {
            assert!(defined.contains(&name.as_str()) || SYSTEM.contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn the_files_are_what_their_readers_take() {
    let azure = windows_worker(&machine()).unwrap();
    let azure = files(script(&azure));
    let conflist: Json = serde_json::from_str(&azure[r"C:\AzureData\engine\azure.conflist"]).unwrap();
    let plugin = &conflist["plugins"][0];
    assert_eq!(plugin["dns"]["Nameservers"][0], "10.0.0.10");
    assert_eq!(plugin["dns"]["Search"][0], "svc.cluster.local");
    let policies = plugin["AdditionalArgs"].as_array().unwrap();
    assert_eq!(policies[0]["Value"]["ExceptionList"], serde_json::json!(["10.244.0.0/16", "10.0.0.0/8"]));
    let blocked = |address: &str| {
        policies
            .iter()
            .any(|policy| policy["Value"]["Action"] == "Block" && policy["Value"]["RemoteAddresses"] == address)
    };
    assert!(blocked("169.254.169.254/32") && blocked("168.63.129.16/32"));
    assert!(azure[r"C:\etc\containerd\config.toml"].contains("sandbox_image = \"registry.k8s.io/pause:3.10.1\""));
    assert!(azure[r"C:\AzureData\engine\discovery.yaml"].contains("abcdef.0123456789abcdef"));
    assert!(!azure.contains_key(r"C:\etc\kubernetes\azure.json"), "the metadata service answers");

    let kubenet = windows_worker(&kubenet()).unwrap();
    let kubenet = files(script(&kubenet));
    let template = &kubenet[r"C:\AzureData\engine\kubenet.template"];
    let network: Json = serde_json::from_str(template).unwrap();
    assert_eq!(network["ipam"]["subnet"], "{{.PodCIDR}}", "containerd fills it in");
    assert_eq!(network["name"], "l2bridge");
    let cloud: Json = serde_json::from_str(&kubenet[r"C:\etc\kubernetes\azure.json"]).unwrap();
    assert_eq!(cloud["useInstanceMetadata"], false);
    assert!(kubenet[r"C:\etc\containerd\config.toml"].contains("conf_template"));
}

#[test]
fn a_secret_behind_the_script_is_its_last_line() {
    let mut machine = kubenet();
    machine.cluster.cloud.identity = bootstrap::CloudIdentity::ServicePrincipal {
        client_id: "id".to_owned(),
        secret: bootstrap::PrincipalSecret::Appended,
    };
    let data = fixture::with_appended(&windows_worker(&machine).unwrap(), "pass;word");
    assert_eq!(faults(script(&data)), Vec::<String>::new());
    let last = script(&data).lines().last().unwrap();
    assert_eq!(last.trim_start_matches('#').trim(), "cGFzczt3b3Jk");
    let files = files(script(&data));
    assert!(files[r"C:\etc\kubernetes\azure.json"].contains("\"aadClientSecret\": \"@PRINCIPAL_SECRET@\""));
    // A machine that needs no configuration of the cloud gets no secret.
    machine.cluster.cloud.instance_metadata = true;
    let data = windows_worker(&machine).unwrap();
    assert_eq!(data.base64_length, data.base64.expose().len());
}

#[test]
fn what_a_model_says_stays_text() {
    let mut machine = machine();
    let hostile = "x'; Remove-Item C:\\ ; '\u{2019}; exit \u{2018}$(exit)";
    machine.node.labels.insert("note".to_owned(), hostile.to_owned());
    machine.cluster.kubelet_arguments.insert("v".to_owned(), hostile.to_owned());
    machine.ssh_public_keys.push(hostile.to_owned());
    let data = windows_worker(&machine).unwrap();
    assert_eq!(faults(script(&data)), Vec::<String>::new());
    let quoted = "x''; Remove-Item C:\\ ; ''\u{2019}\u{2019}; exit \u{2018}\u{2018}$(exit)";
    let plain = script(&data).replace(quoted, "");
    assert!(!plain.contains("Remove-Item C:\\ ;"), "every place is quoted");
    assert_eq!(script(&data).matches(quoted).count(), 3);
}

#[test]
fn taints_and_labels_reach_the_kubelet() {
    let data = windows_worker(&machine()).unwrap();
    let text = script(&data);
    assert!(text.contains("    '--register-with-taints=dedicated=batch:NoSchedule'\n"), "{text}");
    assert!(text.contains("agentpool=linuxpool,kubernetes.azure.com/role=agent'\n"));
    assert!(text.contains("    '--node-ip=@NODE_ADDRESS@'\n"));
}

#[test]
fn too_much_is_refused_here() {
    let mut machine = machine();
    machine.ssh_public_keys = vec!["k".repeat(80_000)];
    assert!(matches!(windows_worker(&machine), Err(BootstrapError::TooLarge { .. })));
}

#[test]
fn the_control_plane_gives_windows_what_it_needs() {
    let add_on = |windows| {
        let mut machine = fixture::control_plane(bootstrap::Start::Init);
        machine.cluster.windows_nodes = windows;
        let data = bootstrap::control_plane(&machine).unwrap();
        fixture::written(&data).into_iter().find(|file| file.path.ends_with("/45-windows.yaml")).map(|file| file.text)
    };
    assert!(add_on(false).is_none());
    let text = add_on(true).unwrap();
    assert_eq!(text.matches("kubernetes.io/os: windows").count(), 2);
    assert!(text.contains("azuredisk-csi:v1.34.5-windows-hp"));
}

/// What runs in pods on Linux never lands on a node of Windows.
#[test]
fn the_other_add_ons_stay_on_linux() {
    let data = bootstrap::control_plane(&fixture::control_plane(bootstrap::Start::Init)).unwrap();
    let mut pods = 0;
    for file in fixture::written(&data).iter().filter(|file| file.path.contains("/addons/")) {
        for document in file.text.split("\n---\n") {
            if ["kind: DaemonSet", "kind: Deployment"].iter().any(|kind| document.contains(kind)) {
                pods += 1;
                let linux = document.contains("kubernetes.io/os: linux")
                    || document.contains("node-role.kubernetes.io/control-plane: \"\"");
                assert!(linux, "{}", file.path);
            }
        }
    }
    assert!(pods >= 5, "{pods}");
}
