//! Containers of add-ons by name: those that a model may say another image or other resources for.
//!
//! The names are the ones of today's manifests. What aks-engine f634f52 called them (`pkg/api/addons.go`) is known, too.

/// An add-on with its containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddOnContainers {
    /// The add-on's name in a model.
    pub add_on: &'static str,
    /// Its containers.
    pub containers: &'static [&'static str],
    /// Names of aks-engine's, and today's; `None`: there is none any more.
    former: &'static [(&'static str, Option<&'static str>)],
}

const FORMER_OF_DRIVERS: [(&str, Option<&str>); 5] = [
    ("csi-cluster-driver-registrar", None),
    ("csi-node-driver-registrar", Some("node-driver-registrar")),
    ("csi-snapshotter", None),
    ("livenessprobe", Some("liveness-probe")),
    ("snapshot-controller", None),
];

const fn one(add_on: &'static str, container: &'static [&'static str]) -> AddOnContainers {
    AddOnContainers { add_on, containers: container, former: &[] }
}

/// All of them.
pub const ADD_ON_CONTAINERS: [AddOnContainers; 12] = [
    AddOnContainers {
        add_on: "azuredisk-csi-driver",
        containers: &[
            "csi-provisioner",
            "csi-attacher",
            "csi-resizer",
            "liveness-probe",
            "node-driver-registrar",
            "azuredisk",
        ],
        former: &[("azuredisk-csi", Some("azuredisk"))],
    },
    AddOnContainers {
        add_on: "azurefile-csi-driver",
        containers: &["csi-provisioner", "csi-resizer", "liveness-probe", "node-driver-registrar", "azurefile"],
        former: &[("azurefile-csi", Some("azurefile")), ("csi-attacher", None)],
    },
    AddOnContainers {
        add_on: "csi-secrets-store",
        containers: &["liveness-probe", "node-driver-registrar", "secrets-store", "provider-azure-installer"],
        former: &[],
    },
    one("cloud-node-manager", &["cloud-node-manager"]),
    one("cluster-autoscaler", &["cluster-autoscaler"]),
    one("coredns", &["coredns"]),
    one("flannel", &["install-cni-plugin", "kube-flannel"]),
    one("kube-proxy", &["kube-proxy"]),
    one("local-path-provisioner", &["local-path-provisioner", "helper-pod"]),
    one("metrics-server", &["metrics-server"]),
    one("node-problem-detector", &["node-problem-detector"]),
    one("nvidia-device-plugin", &["nvidia-device-plugin"]),
];

/// What there is of a container's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerName {
    /// A container of this name.
    Known(&'static str),
    /// A container that aks-engine's add-on had.
    Gone,
    /// Nothing.
    Unknown,
}

impl AddOnContainers {
    /// The container that a name means.
    pub fn container(&self, name: &str) -> ContainerName {
        if let Some(known) = self.containers.iter().find(|known| **known == name) {
            return ContainerName::Known(known);
        }
        let shared: &[_] = if self.containers.contains(&"liveness-probe") { &FORMER_OF_DRIVERS } else { &[] };
        match self.former.iter().chain(shared).find(|(former, _)| *former == name) {
            Some((_, Some(known))) => ContainerName::Known(known),
            Some((_, None)) => ContainerName::Gone,
            None => ContainerName::Unknown,
        }
    }
}

/// The containers of an add-on, by its name in a model; `None` for one that the engine does not install.
pub fn add_on_containers(add_on: &str) -> Option<&'static AddOnContainers> {
    ADD_ON_CONTAINERS.iter().find(|known| known.add_on == add_on)
}

/// Whether an image is one of those that aks-engine put into each model that it wrote, out of registries that have been
/// closed or get no images any more. Nobody chose it.
///
/// Source: aks-engine f634f52, `pkg/api/const.go` and `pkg/api/k8s_versions.go`; kubernetes.io, "k8s.gcr.io Image Registry
/// Will Be Frozen From the 3rd of April 2023"; read 2026-11-28.
pub fn is_image_of_aks_engine(image: &str) -> bool {
    [
        "k8s.gcr.io/",
        "gcrio.azureedge.net/",
        "mcr.microsoft.com/k8s/",
        "mcr.microsoft.com/oss/kubernetes/",
        "mcr.microsoft.com/oss/kubernetes-csi/",
    ]
    .iter()
    .any(|registry| image.starts_with(registry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_today_and_of_before_are_known() {
        let disk = add_on_containers("azuredisk-csi-driver");
        let named = |name| disk.map(|disk| disk.container(name));
        assert_eq!(named("azuredisk-csi"), Some(ContainerName::Known("azuredisk")));
        assert_eq!(named("livenessprobe"), Some(ContainerName::Known("liveness-probe")));
        assert_eq!(named("csi-snapshotter"), Some(ContainerName::Gone));
        assert_eq!(named("csi-attatcher"), Some(ContainerName::Unknown));
        let coredns = add_on_containers("coredns");
        assert_eq!(coredns.map(|coredns| coredns.container("livenessprobe")), Some(ContainerName::Unknown));
        assert_eq!(add_on_containers("tiller"), None);
    }

    #[test]
    fn images_of_todays_registries_are_somebodys_choice() {
        assert!(is_image_of_aks_engine("k8s.gcr.io/coredns/coredns:v1.8.6"));
        assert!(!is_image_of_aks_engine("mcr.microsoft.com/oss/v2/kubernetes/coredns:v1.12.4"));
    }
}
