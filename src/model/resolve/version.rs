//! The version of Kubernetes: what may be made anew, and what the model's two ways of saying it come to.

use semver::Version;

use crate::base::Diagnostic;
use crate::catalog::{
    DEFAULT_KUBERNETES_RELEASE, KubernetesRelease, kubernetes_release, kubernetes_release_of, kubernetes_releases,
};

use super::super::input::OrchestratorProfile;
use super::super::pointers::PROPERTIES;
use super::Resolver;

const CODE: &str = "kubernetes-version-unsupported";

impl Resolver<'_> {
    /// The exact version that the model asks for, or the newest patch of what it asks for.
    pub(super) fn kubernetes_version(&mut self, orchestrator: &OrchestratorProfile) -> Version {
        let release_pointer = format!("{PROPERTIES}/orchestratorProfile/orchestratorRelease");
        let version_pointer = format!("{PROPERTIES}/orchestratorProfile/orchestratorVersion");
        let release = orchestrator.orchestrator_release.as_deref();
        let version = orchestrator.orchestrator_version.as_deref().and_then(|version| Version::parse(version).ok());
        let default = kubernetes_release(DEFAULT_KUBERNETES_RELEASE).map(KubernetesRelease::newest_version);
        let default = default.unwrap_or_else(|| Version::new(0, 0, 0));
        match (release, version) {
            (None, None) => {
                self.or(None::<String>, &release_pointer, "the version that the engine knows best", String::new());
                self.or(None, &version_pointer, "the newest patch of the release", default)
            }
            (Some(release), None) => {
                let known = kubernetes_release(release);
                if !known.is_some_and(|known| known.creatable) {
                    self.findings.judge(&[], unsupported(&release_pointer, release));
                }
                let newest = known.map_or(default, KubernetesRelease::newest_version);
                self.or(None, &version_pointer, "the newest patch of the release", newest)
            }
            (release, Some(version)) => {
                let own = format!("{}.{}", version.major, version.minor);
                let release = self.or(
                    release.map(str::to_owned),
                    &release_pointer,
                    "follows from orchestratorVersion",
                    own.clone(),
                );
                if release != own {
                    let fault = Diagnostic::error(
                        "kubernetes-version-mismatch",
                        &version_pointer,
                        format!("version {version} does not belong to release {release}"),
                    );
                    self.findings.judge(&[&release_pointer], fault.help("name only one of the two"));
                }
                match kubernetes_release_of(&version) {
                    Some(known) if known.creatable => {
                        if version > known.newest_version() {
                            let message =
                                format!("version {version} is newer than {}, which the engine knows", known.newest);
                            let warning = Diagnostic::warning("kubernetes-version-unknown", &version_pointer, message);
                            self.findings.judge(&[], warning.help("check that packages and images of it exist"));
                        }
                    }
                    _ => self.findings.judge(&[&release_pointer], unsupported(&version_pointer, &version.to_string())),
                }
                version
            }
        }
    }
}

fn unsupported(pointer: &str, version: &str) -> Diagnostic {
    let creatable: Vec<&str> =
        kubernetes_releases().iter().filter(|release| release.creatable).map(|release| release.release).collect();
    let why = match kubernetes_release(version) {
        Some(_) => "Azure's cloud controller is not released for it yet",
        None => "it is not among the versions that are maintained",
    };
    Diagnostic::error(CODE, pointer, format!("Kubernetes {version} cannot be had in a new cluster: {why}"))
        .help(format!("choose one of {}", creatable.join(", ")))
}
