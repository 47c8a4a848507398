//! What a request comes to: the image's name, what it is made of, and where that comes from. Nothing is looked at here.

use std::path::PathBuf;

use semver::Version;

use super::manifest::is_name;
use super::version::resolve;
use super::{BuildRequest, ImageError, packages};
use crate::catalog::{
    DOCKER_KEY, Distribution, KUBERNETES_KEY, distribution, distributions, docker_archive, kubernetes_archive,
    kubernetes_release_of,
};

/// Where Kubernetes and containerd come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Software {
    /// Programs of a folder.
    Programs { folder: PathBuf },
    /// Packages: the version of Kubernetes, and that of containerd as apt takes it.
    Packages { version: String, containerd: String },
}

/// An archive of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archive {
    /// What its files are called.
    pub name: &'static str,
    pub url: String,
    /// A flat archive has the one suite `/`.
    pub suites: Vec<String>,
    pub components: &'static str,
    pub key: Key,
}

/// The key that an archive is signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// A file that a package of the building machine has, and also one of the image.
    Installed { file: &'static str },
    /// A file that is fetched, and has to hold just the key with this fingerprint.
    Fetched { url: String, fingerprint: &'static str },
}

/// All that is decided before anything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub name: String,
    pub version: Version,
    pub distribution: &'static Distribution,
    pub software: Software,
    pub archives: Vec<Archive>,
    pub packages: Vec<String>,
    /// What whoever builds should know.
    pub notes: Vec<String>,
}

/// Decides everything. `told` is the version of the folder's kubeadm, `libraries` are the packages that the engine needs.
pub(super) fn plan(request: &BuildRequest, told: Option<&Version>, libraries: &[&str]) -> Result<Plan, ImageError> {
    let version = resolve(request.kubernetes.as_deref(), told)?;
    let distribution = distribution_of(request)?;
    let name = request.name.clone().unwrap_or_else(|| format!("kubernetes-{version}-{}", distribution.suite));
    if !is_name(&name) {
        return Err(ImageError::Request {
            what: format!("`{name}` cannot be the name of an image"),
            help: "take at most 64 letters, digits, `.`, `-` and `_`, beginning with a letter or digit, and not ending with \
                   .kernel, .initrd or .log"
                .to_owned(),
        });
    }
    let mut notes = Vec::new();
    let mut archives = distributions_archives(request, distribution, &mut notes)?;
    let software = match &request.kubernetes_binaries {
        Some(folder) => Software::Programs { folder: folder.clone() },
        None => {
            archives.extend(others_archives(&version, distribution));
            Software::Packages { version: version.to_string(), containerd: containerd_of(&version)? }
        }
    };
    if request.container_images.is_none() {
        notes.push("no container images are put onto the disk: machines fetch them from their registries".to_owned());
    }
    let packages = packages::wanted(distribution.kernel, &software, libraries);
    Ok(Plan { name, version, distribution, software, archives, packages, notes })
}

/// The distribution that is asked for.
pub(super) fn distribution_of(request: &BuildRequest) -> Result<&'static Distribution, ImageError> {
    distribution(&request.suite).ok_or_else(|| {
        let known: Vec<&str> = distributions().iter().map(|known| known.suite).collect();
        ImageError::Request {
            what: format!("images are not made of `{}`", request.suite),
            help: format!("--suite is one of {}", known.join(", ")),
        }
    })
}

/// The series of containerd that belongs to a version, as the scripts of Azure's machines take it.
fn containerd_of(version: &Version) -> Result<String, ImageError> {
    let release = kubernetes_release_of(version).ok_or_else(|| ImageError::Request {
        what: format!("no containerd is known that belongs to Kubernetes {version}"),
        help: "build it from --kubernetes-binaries DIR".to_owned(),
    })?;
    let series = release.containerd.rsplit_once('.').map_or(release.containerd, |(series, _)| series);
    Ok(format!("{series}.*"))
}

fn distributions_archives(
    request: &BuildRequest,
    distribution: &'static Distribution,
    notes: &mut Vec<String>,
) -> Result<Vec<Archive>, ImageError> {
    let suite = distribution.suite;
    let archive = |name, url: &str, suites| Archive {
        name,
        url: url.to_owned(),
        suites,
        components: distribution.components,
        key: Key::Installed { file: distribution.keyring },
    };
    let main = request.mirror.as_deref().map_or(Ok(distribution.archive), |url| address(url, "--mirror"))?;
    let security = match (request.security_mirror.as_deref(), &request.mirror) {
        (Some(url), _) => Some(address(url, "--security-mirror")?),
        (None, None) => Some(distribution.security_archive),
        // Ubuntu's mirrors have them too.
        (None, Some(_)) if distribution.family == "ubuntu" => Some(main),
        (None, Some(_)) => None,
    };
    let mut archives = vec![archive("main", main, vec![suite.to_owned(), format!("{suite}-updates")])];
    match security {
        Some(url) => archives.push(archive("security", url, vec![format!("{suite}-security")])),
        None => notes.push(
            "--mirror alone has no security updates, and the image gets none: name where they are by --security-mirror"
                .to_owned(),
        ),
    }
    Ok(archives)
}

fn others_archives(version: &Version, distribution: &Distribution) -> [Archive; 2] {
    let kubernetes = kubernetes_archive(&format!("{}.{}", version.major, version.minor));
    let docker = docker_archive(distribution.family);
    [
        Archive {
            name: "kubernetes",
            key: Key::Fetched { url: format!("{kubernetes}Release.key"), fingerprint: KUBERNETES_KEY },
            url: kubernetes,
            suites: vec!["/".to_owned()],
            components: "",
        },
        Archive {
            name: "docker",
            key: Key::Fetched { url: format!("{docker}/gpg"), fingerprint: DOCKER_KEY },
            url: docker,
            suites: vec![distribution.suite.to_owned()],
            components: "stable",
        },
    ]
}

/// An archive's address as somebody says it. It ends up in command lines and on the disk: no password may be in it.
fn address<'a>(url: &'a str, flag: &str) -> Result<&'a str, ImageError> {
    let rest = ["http://", "https://", "file:///"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/+%".contains(&byte);
    match rest {
        Some(rest) if !rest.is_empty() && rest.bytes().all(harmless) => Ok(url.trim_end_matches('/')),
        _ => Err(ImageError::Request {
            // Not the address itself, which may hold a password.
            what: format!("{flag} is no address of an archive"),
            help: "it begins with http://, https:// or file:///, and has no user, password or query".to_owned(),
        }),
    }
}

impl Archive {
    /// The lines that mmdebstrap takes: `key` is where its key lies on this machine.
    pub fn lines(&self, key: &str) -> Vec<String> {
        let line = |suite: &String| format!("deb [signed-by={key}] {} {suite} {}", self.url, self.components);
        self.suites.iter().map(|suite| line(suite).trim_end().to_owned()).collect()
    }

    /// The stanza for machines. A key that was fetched lies where those of Azure's machines do.
    pub fn stanza(&self) -> String {
        let key = match &self.key {
            Key::Installed { file } => (*file).to_owned(),
            Key::Fetched { .. } => format!("/{}", self.key_file()),
        };
        let components =
            if self.components.is_empty() { String::new() } else { format!("Components: {}\n", self.components) };
        format!("Types: deb\nURIs: {}\nSuites: {}\n{components}Signed-By: {key}\n", self.url, self.suites.join(" "))
    }

    /// Where a fetched key lies on the disk.
    pub fn key_file(&self) -> String {
        format!("etc/apt/keyrings/{}.asc", self.name)
    }
}
