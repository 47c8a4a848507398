//! Domains: virtual machines as QEMU runs them.

use super::{Element, element, owner};

/// The chassis' asset tag by which cloud-init knows Azure's machines (`DataSourceAzure`, cloud-init 25.1).
pub const AZURE_ASSET_TAG: &str = "7783-7084-3265-9085-8269-3286-77";

/// A machine as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainPlan {
    /// The ARM id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The UUID, which the machine reads as its own.
    pub uuid: String,
    /// Whether the processor runs it (KVM), or software alone.
    pub kvm: bool,
    /// Processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// How it boots.
    pub boot: Boot,
    /// What it reads as its chassis' asset tag, if anything.
    pub asset_tag: Option<&'static str>,
    /// The disks.
    pub disks: Vec<DiskPlan>,
    /// The interfaces, the primary one first.
    pub interfaces: Vec<InterfacePlan>,
}

/// How a machine boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Boot {
    /// By its disk's own boot loader, from UEFI.
    Firmware,
    /// By a kernel that the host gives it.
    Kernel {
        /// The kernel's path on the host.
        kernel: String,
        /// The initial RAM disk's.
        initrd: Option<String>,
        /// The command line.
        command_line: String,
    },
}

/// How a disk's volume is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFormat {
    /// Byte for byte.
    Raw,
    /// QEMU's own format.
    Qcow2,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskPlan {
    /// The volume's path on the host. Not its pool and name: of such a disk libvirt's profiles for AppArmor do not get to know
    /// what it stands on, and the emulator may not open it.
    ///
    /// Source: bugs.launchpad.net/ubuntu/+source/libvirt/+bug/1677398, and many reports of terraform-provider-libvirt, read
    /// 2026-11-30.
    pub path: String,
    /// Its format.
    pub format: DiskFormat,
    /// The device, such as `vda`.
    pub device: String,
    /// What the machine reads as its serial number: `lun0`.
    pub serial: Option<String>,
    /// Whether the machine only reads it.
    pub read_only: bool,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfacePlan {
    /// The hardware address.
    pub mac: String,
    /// Where it leads.
    pub source: InterfaceSource,
    /// The packet filter's name.
    pub filter: Option<String>,
}

/// Where an interface leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceSource {
    /// Into a network of libvirt's, by its name.
    Network(String),
    /// Into the network behind a bridge of the host.
    Bridge(String),
}

/// The domain's description.
pub fn domain(plan: &DomainPlan) -> Element {
    let smbios = plan.asset_tag.map(|tag| {
        let tag = element("entry").set("name", "asset").text(tag);
        element("sysinfo").set("type", "smbios").with(element("chassis").with(tag))
    });
    element("domain")
        .set("type", if plan.kvm { "kvm" } else { "qemu" })
        .with(element("name").text(&plan.name))
        .with(element("uuid").text(&plan.uuid))
        .with(owner(&plan.id))
        .with(element("memory").set("unit", "MiB").text(plan.memory_mib))
        .with(element("vcpu").text(plan.processors))
        .with_all(smbios)
        .with(system(plan))
        .with(features(plan))
        .with(processor(plan))
        .with(element("on_poweroff").text("destroy"))
        .with(element("on_reboot").text("restart"))
        .with(element("on_crash").text("destroy"))
        .with(devices(plan))
}

fn system(plan: &DomainPlan) -> Element {
    let mut system = element("os");
    if plan.boot == Boot::Firmware {
        system = system.set("firmware", "efi");
    }
    system = system.with(element("type").set("arch", "x86_64").set("machine", "q35").text("hvm"));
    if let Boot::Kernel { kernel, initrd, command_line } = &plan.boot {
        system = system
            .with(element("kernel").text(kernel))
            .with_all(initrd.iter().map(|initrd| element("initrd").text(initrd)))
            .with(element("cmdline").text(command_line));
    } else {
        system = system.with(element("boot").set("dev", "hd"));
    }
    if plan.asset_tag.is_some() { system.with(element("smbios").set("mode", "sysinfo")) } else { system }
}

fn features(plan: &DomainPlan) -> Element {
    // What was translated is kept: without room for it an emulated machine translates the same code again and again.
    let cache = element("tcg").with(element("tb-cache").set("unit", "MiB").text(512));
    element("features").with(element("acpi")).with_all((!plan.kvm).then_some(cache))
}

fn processor(plan: &DomainPlan) -> Element {
    if plan.kvm {
        element("cpu").set("mode", "host-passthrough")
    } else {
        // The emulator translates a plain processor's code faster than one that can do everything.
        element("cpu").set("mode", "custom").set("match", "exact").with(element("model").text("qemu64"))
    }
}

fn devices(plan: &DomainPlan) -> Element {
    let console = element("serial").set("type", "pty").with(element("target").set("port", 0));
    let agent = element("channel")
        .set("type", "unix")
        .with(element("target").set("type", "virtio").set("name", "org.qemu.guest_agent.0"));
    let entropy =
        element("rng").set("model", "virtio").with(element("backend").set("model", "random").text("/dev/urandom"));
    element("devices")
        .with_all(plan.disks.iter().map(disk))
        .with_all(plan.interfaces.iter().map(interface))
        .with(console)
        .with(agent)
        .with(entropy)
        .with(element("memballoon").set("model", "none"))
}

fn disk(plan: &DiskPlan) -> Element {
    let format = match plan.format {
        DiskFormat::Raw => "raw",
        DiskFormat::Qcow2 => "qcow2",
    };
    element("disk")
        .set("type", "file")
        .set("device", "disk")
        .with(element("driver").set("name", "qemu").set("type", format).set("discard", "unmap"))
        .with(element("source").set("file", &plan.path))
        .with(element("target").set("dev", &plan.device).set("bus", "virtio"))
        .with_all(plan.read_only.then(|| element("readonly")))
        .with_all(plan.serial.iter().map(|serial| element("serial").text(serial)))
}

fn interface(plan: &InterfacePlan) -> Element {
    let (kind, name) = match &plan.source {
        InterfaceSource::Network(name) => ("network", name),
        InterfaceSource::Bridge(name) => ("bridge", name),
    };
    element("interface")
        .set("type", kind)
        .with(element("mac").set("address", &plan.mac))
        .with(element("source").set(kind, name))
        .with(element("model").set("type", "virtio"))
        .with_all(plan.filter.iter().map(|filter| element("filterref").set("filter", filter)))
}

/// A disk that is to be taken away.
pub fn detached_disk(plan: &DiskPlan) -> String {
    disk(plan).render()
}

#[cfg(test)]
mod tests {
    use super::super::trials::validate;
    use super::*;

    fn plan() -> DomainPlan {
        let disk = |volume: &str, format, device: &str| DiskPlan {
            path: format!("/pool/{volume}"),
            format,
            device: device.into(),
            serial: None,
            read_only: false,
        };
        DomainPlan {
            id: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm".into(),
            name: "engine-rg-vm".into(),
            uuid: "6f1c2d5e-7d6f-5b3a-9c1d-333333333333".into(),
            kvm: false,
            processors: 2,
            memory_mib: 4096,
            boot: Boot::Kernel {
                kernel: "/pool/kernel".into(),
                initrd: Some("/pool/initrd".into()),
                command_line: "root=LABEL=rootfs ro <&>".into(),
            },
            asset_tag: Some(AZURE_ASSET_TAG),
            disks: vec![
                disk("engine-rg-vm.os", DiskFormat::Qcow2, "vda"),
                DiskPlan { read_only: true, ..disk("engine-rg-vm.iso", DiskFormat::Raw, "vdb") },
                DiskPlan { serial: Some("lun0".into()), ..disk("engine-rg-etcd", DiskFormat::Qcow2, "vdc") },
            ],
            interfaces: vec![InterfacePlan {
                mac: "52:54:00:00:00:01".into(),
                source: InterfaceSource::Network("engine-rg-vnet".into()),
                filter: Some("engine-rg-nic.nic".into()),
            }],
        }
    }

    #[test]
    fn a_machine_looks_like_one_of_azure() {
        let text = domain(&plan()).render();
        for part in [
            "<domain type='qemu'>",
            "<entry name='asset'>7783-7084-3265-9085-8269-3286-77</entry>",
            "<smbios mode='sysinfo'/>",
            "<cmdline>root=LABEL=rootfs ro &lt;&amp;&gt;</cmdline>",
            "<source file='/pool/engine-rg-etcd'/>",
            "<serial>lun0</serial>",
            "<filterref filter='engine-rg-nic.nic'/>",
            "<model>qemu64</model>",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        validate("domain", &text);
        validate("domain", &detached_domain());
    }

    /// The other form: UEFI, KVM, no Azure.
    fn detached_domain() -> String {
        let other = DomainPlan { kvm: true, boot: Boot::Firmware, asset_tag: None, ..plan() };
        let text = domain(&other).render();
        assert!(text.contains("<os firmware='efi'>") && text.contains("host-passthrough") && !text.contains("asset"));
        text
    }
}
