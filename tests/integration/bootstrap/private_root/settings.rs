//! What the model says about the machines below Kubernetes reaches the machine: proxies, authorities, names, the
//! interface, updates, auditing. And no secret reaches a log.

use engine::base::Secret;
use engine::bootstrap::{HostSettings, Proxy};
use engine::pki::ServiceAccountKey;

use super::*;

const CANARY: &str = "canary-6fb1";

fn settings() -> HostSettings {
    let address = |port: u16| Some(Secret::new(format!("http://user:{CANARY}@proxy.example:{port}")));
    HostSettings {
        proxy: Some(Proxy { http: address(3128), https: address(3129), bypass: vec![".corp.example".to_owned()] }),
        authorities: vec![fixture::placeholder("one"), fixture::placeholder("two")],
        search_domain: "corp.example".to_owned(),
        mtu: Some(3900),
        upgrade_on_bootstrap: true,
        unattended_upgrades: false,
        audit: true,
        extension: None,
    }
}

fn changed_worker(change: impl FnOnce(&mut bootstrap::WorkerMachine)) -> CustomData {
    let mut machine = fixture::worker();
    change(&mut machine);
    bootstrap::worker(&machine).unwrap()
}

#[test]
fn the_hosts_settings_reach_the_machine() {
    let Some(world) = World::new() else { return };
    let mut data = fixture::control_plane(Start::Init);
    data.node.host = settings();
    data.cluster.kernel_parameters.insert("net.core.somaxconn".to_owned(), "16384".to_owned());
    let machine = world.master(&bootstrap::control_plane(&data).unwrap(), 0);
    machine.succeed();

    for unit in ["containerd", "kubelet"] {
        let drop_in = machine.read(&format!("/etc/systemd/system/{unit}.service.d/90-engine-proxy.conf"));
        assert_eq!(drop_in, "[Service]\nEnvironmentFile=/etc/engine/proxy.env\n");
    }
    // kubeadm, and with it the control plane's pods, see it, and what is the cluster's own goes past it.
    let environment = machine.read("/own/environment");
    assert!(environment.contains(&format!("HTTPS_PROXY=http://user:{CANARY}@proxy.example:3129\n")), "{environment}");
    let bypass = environment.lines().find_map(|line| line.strip_prefix("no_proxy=")).unwrap();
    for own in
        ["10.0.0.0/16", "10.244.0.0/16", "10.255.255.15", ".svc", "demo.westus2.cloudapp.azure.com", ".corp.example"]
    {
        assert!(bypass.split(',').any(|one| one == own), "{own} is not in {bypass}");
    }
    let apt = machine.read("/etc/apt/apt.conf.d/95engine-proxy");
    assert_eq!(
        apt,
        format!(
            "Acquire::http::Proxy \"http://user:{CANARY}@proxy.example:3128\";\n\
             Acquire::https::Proxy \"http://user:{CANARY}@proxy.example:3129\";\n"
        )
    );
    for secret in ["/etc/apt/apt.conf.d/95engine-proxy", "/etc/engine/proxy.env"] {
        assert_eq!(std::fs::metadata(machine.path(secret)).unwrap().permissions().mode() & 0o777, 0o600, "{secret}");
    }
    let trusted = |number: u32| machine.read(&format!("/trusted/engine-{number}.crt"));
    let calls = machine.read("/own/calls");
    let place = |call: &str| calls.find(call).unwrap_or_else(|| panic!("no `{call}` in {calls}"));
    // /usr is lent read-only, so the machine's own folder for them is a file system of its own.
    assert_eq!((trusted(0), trusted(1)), (fixture::placeholder("one"), fixture::placeholder("two")));
    assert!(place("update-ca-certificates") < place("apt-get"));
    assert_eq!(machine.read("/etc/systemd/resolved.conf.d/90-engine.conf"), "[Resolve]\nDomains=corp.example\n");
    assert!(place("systemctl restart systemd-resolved") < place("apt-get"));
    assert!(calls.contains("netplan set network.ethernets.eth0.mtu=3900\n"));
    assert!(calls.contains("netplan set network.ethernets.eth0.dhcp4-overrides.use-mtu=false\n"));
    assert!(machine.read("/own/links").contains("ip link set dev eth0 mtu 3900"));
    // Nobody else updates while packages are installed, and nobody afterwards, as the model says.
    assert!(place("systemctl stop apt-daily.timer") < place("apt-get"));
    assert!(place("\nunattended-upgrade \n") < place("containerd.io"));
    assert!(machine.read("/etc/apt/apt.conf.d/95engine-updates").contains("Unattended-Upgrade \"0\""));
    assert!(!calls.contains("systemctl start apt-daily.timer"));
    assert!(calls.contains(" auditd\n"), "the audit daemon is not installed");
    assert!(place("augenrules --load") > place("containerd.io"));
    assert!(machine.read("/etc/audit/rules.d/90-engine.rules").contains("-w /etc/kubernetes -p wa"));
    assert!(calls.contains("apt-mark hold containerd.io kubelet kubeadm kubectl\n"));
    assert!(calls.contains("systemctl start chrony\n"));
    assert!(machine.read("/etc/sysctl.d/90-kubernetes.conf").ends_with("net.core.somaxconn = 16384\n"));
}

/// A machine whose model says nothing has none of it, and updates itself.
#[test]
fn without_settings_the_distributions_own_hold() {
    let Some(world) = World::new() else { return };
    drop(boots_first(&world));
    let machine = world.worker(&changed_worker(|_| ()), 0);
    machine.succeed();
    let calls = machine.read("/own/calls");
    for call in ["update-ca-certificates", "augenrules", "netplan", "\nunattended-upgrade ", "systemd-resolved"] {
        assert!(!calls.contains(call), "{call}");
    }
    for path in ["/etc/engine/proxy.env", "/etc/apt/apt.conf.d/95engine-proxy", "/etc/audit"] {
        assert!(!machine.path(path).exists(), "{path}");
    }
    assert!(machine.read("/etc/apt/apt.conf.d/95engine-updates").contains("Unattended-Upgrade \"1\""));
    assert!(calls.contains("systemctl start apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service\n"));
}

fn boots_first(world: &World) -> Machine<'_> {
    let first = world.master(&control_plane(Start::Init, 45), 0);
    first.succeed();
    first
}

/// A mirror and an image that holds everything: no other source is asked.
#[test]
fn other_sources_of_software_boot_too() {
    let Some(world) = World::new() else { return };
    drop(boots_first(&world));
    let mirror = changed_worker(|machine| {
        let mut sources = vec![bootstrap::PackageSource::kubernetes("1.35"), bootstrap::PackageSource::docker("noble")];
        let mut registry = bootstrap::PackageSource::microsoft("24.04", "noble");
        for source in sources.iter_mut().chain([&mut registry]) {
            for address in [&mut source.url, &mut source.key_url] {
                *address = address.replacen("https://", "https://mirror.example/", 1);
            }
        }
        machine.cluster.software = bootstrap::Software::Packages(bootstrap::Packages {
            sources,
            containerd_package: "containerd.io".to_owned(),
            containerd_version: "2.3.*".to_owned(),
            registry_provider: bootstrap::RegistryProvider { source: registry, version: "1.35.8".to_owned() },
        });
    });
    let machine = world.worker(&mirror, 0);
    machine.succeed();
    let fetched: Vec<String> = machine
        .read("/own/calls")
        .lines()
        .filter(|call| call.contains("--output /etc/apt"))
        .map(str::to_owned)
        .collect();
    assert_eq!(fetched.len(), 3, "{fetched:?}");
    assert!(fetched.iter().all(|call| call.contains(" https://mirror.example/")), "{fetched:?}");
    let sources = machine.read("/etc/apt/sources.list.d/kubernetes.sources")
        + &machine.read("/etc/apt/sources.list.d/docker.sources");
    let addresses: Vec<&str> = sources.lines().filter(|line| line.starts_with("URIs: ")).collect();
    assert!(
        addresses.len() == 2 && addresses.iter().all(|line| line.starts_with("URIs: https://mirror.example/")),
        "{sources}"
    );

    // Microsoft's source is seen for one package, and is none of the machine's.
    assert!(
        machine
            .read("/etc/engine/registry/microsoft.sources")
            .contains("URIs: https://mirror.example/packages.microsoft.com/")
    );
    let calls = machine.read("/own/calls");
    let apart = "Dir::Etc::SourceList=/dev/null --option Dir::Etc::SourceParts=/etc/engine/registry";
    let of_registry: Vec<&str> = calls.lines().filter(|call| call.contains(apart)).collect();
    assert_eq!(of_registry.len(), 2, "{calls}");
    assert!(of_registry[0].ends_with(" update"), "{calls}");
    assert!(
        of_registry[1].ends_with(" install --no-install-recommends azure-acr-credential-provider=1.35.8-*"),
        "{calls}"
    );
    assert!(!machine.path("/etc/apt/sources.list.d/microsoft.sources").exists());
    let provider = std::fs::read_link(machine.path("/opt/engine/registry/acr-credential-provider")).unwrap();
    assert_eq!(provider, Path::new("/usr/bin/azure-acr-credential-provider"));
    assert!(machine.read("/own/join.yaml").contains("image-credential-provider-bin-dir"), "{calls}");

    let image = changed_worker(|machine| machine.cluster.software = bootstrap::Software::PreparedImage);
    let machine = world.worker(&image, 1);
    machine.succeed();
    // The host's programs are lent to it, among which is none that signs in to registries: the kubelet is told of none.
    assert!(!machine.read("/own/join.yaml").contains("image-credential-provider"));
    assert!(machine.log().contains("registry: the image has no /usr/bin/azure-acr-credential-provider"));
    assert_eq!((machine.count("apt-get"), machine.count("curl --silent --show-error --fail --location")), (0, 0));
    // An image of another version is told, and nothing is joined with it.
    let other = changed_worker(|machine| {
        machine.cluster.software = bootstrap::Software::PreparedImage;
        machine.cluster.kubernetes_version = "1.35.8".to_owned();
    });
    let machine = world.worker(&other, 2);
    assert_eq!(machine.fail(), ("packages".to_owned(), "the image holds kubeadm v1.35.9, not v1.35.8".to_owned()));
    assert_eq!(machine.joins(), 0);
}

/// What the cloud is told about a machine that failed: the step and its cause, in one line.
#[test]
fn the_wait_command_says_what_failed() {
    let Some(world) = World::new() else { return };
    let wait = |machine: &Machine| {
        let output = machine.command(&["/bin/sh", "-c", &bootstrap::wait_command(0).unwrap()]).output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let data = || worker("abcdef.0123456789abcdef", 0);
    let apt = world.worker(&data(), 0);
    apt.write("/own/fail", "apt-get*install*");
    apt.fail();
    assert_eq!(
        wait(&apt),
        (
            Some(1),
            "bootstrap: step packages failed: installing the packages: no success within 0 minutes: E: apt-get was told to \
             fail\n"
                .to_owned()
        )
    );
    let deadline = world.worker(&data(), 1);
    deadline.fail();
    assert_eq!(
        wait(&deadline),
        (Some(1), "bootstrap: step join failed: joining the cluster: no success within 0 minutes: no API server answers at 10.255.255.15 yet\n".to_owned())
    );
    drop(boots_first(&world));
    let join = world.worker(&data(), 2);
    join.write("/own/fail", "kubeadm join*");
    join.fail();
    assert_eq!(
        wait(&join),
        (Some(1), "bootstrap: step join failed: joining the cluster: no success within 0 minutes: E: kubeadm was told to fail\n".to_owned())
    );
    join.write("/own/fail", "");
    join.succeed();
    assert_eq!(wait(&join), (Some(0), "bootstrap: succeeded\n".to_owned()));
    // Each step has its line, with its duration.
    let log = join.log();
    let steps: Vec<&str> = log.lines().filter(|line| line.contains(" step ")).collect();
    assert!(steps.len() > 10);
    for line in steps {
        let (_, said) = line.split_once(" step ").unwrap();
        let (name, said) = said.split_once(": ").unwrap();
        let timed = said.strip_prefix("done in ").or_else(|| said.strip_prefix("failed after ")).unwrap();
        let seconds: String = timed.chars().take_while(char::is_ascii_digit).collect();
        assert!(!name.is_empty() && !seconds.is_empty() && timed[seconds.len()..].starts_with('s'), "{line}");
    }
}

/// Keys, tokens and passwords are in files of mode 0600, and nowhere else: no log, no result, no argument, no world.
#[test]
fn secrets_stay_in_files_of_their_own() {
    let Some(world) = World::new() else { return };
    let secret = |name: &str| Secret::new(format!("{CANARY}-{name}\n"));
    let mut data = fixture::control_plane(Start::Init);
    data.node.host = settings();
    data.cluster.deadline_minutes = 0;
    data.cluster.cloud.identity = bootstrap::CloudIdentity::ServicePrincipal {
        client_id: "id".to_owned(),
        secret: bootstrap::PrincipalSecret::Told(secret("principal")),
    };
    data.keys.ca_key = secret("ca");
    data.keys.etcd_ca_key = secret("etcd");
    data.keys.front_proxy_ca_key = secret("front");
    let (private, public) = (secret("account"), fixture::placeholder("sa.pub"));
    data.keys.service_account = ServiceAccountKey { private, public };
    let machine = world.master(&bootstrap::control_plane(&data).unwrap(), 0);
    // Once with a failure that kubeadm's own words come with, once to the end.
    machine.write("/own/fail", "kubeadm init*");
    machine.fail();
    machine.write("/own/fail", "");
    machine.succeed();
    let log = machine.log();
    assert!(log.contains("uses proxy \"http://[credentials]@proxy.example:3129\""), "{log}");
    let mut seen = 0;
    for file in files_below(machine.folder()) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        if !text.contains(CANARY) && !text.contains("abcdef.0123456789abcdef") {
            continue;
        }
        let shown = file.strip_prefix(machine.folder()).unwrap().display().to_string();
        if shown.starts_with("own/") {
            // The stand-ins' notes: of these only the calls are what anybody could see.
            assert_ne!(shown, "own/calls", "an argument holds a secret");
            continue;
        }
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{shown} is {mode:o}");
        assert!(!shown.starts_with("var/log") && !shown.ends_with("result.json"), "{shown}");
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}
