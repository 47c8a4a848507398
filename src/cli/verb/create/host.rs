//! A libvirt host as the ground of a cluster.

use std::path::Path;
use std::sync::Arc;

use super::ground::{Ground, ImageName, ImageWanted, Need, There, image_folder};
use crate::base::{Environment, SystemClock};
use crate::cli::chosen_image::ChosenImage;
use crate::cli::error::CliError;
use crate::cli::host::{OneOfSeveral, Question, look, look_at_each};
use crate::cli::options::TargetOptions;
use crate::cli::{Call, Exit, libvirt};
use crate::cluster::{Finding, HostDemand, Verdict};
use crate::contract::Fault;
use crate::image::{BuildRequest, ImageFolder, build, find, images_folder, open};
use crate::model::{Cluster, OnPrem, OnPremImage};
use crate::target::libvirt::DEFAULT_IMAGE;
use crate::target::libvirt::host::{HostHypervisor, HostWish, plan_host, prepare_host};

/// A host that answers.
struct Host {
    uri: String,
    hypervisor: Arc<dyn HostHypervisor>,
    environment: Environment,
}

/// The host that the options name.
///
/// # Errors
/// A build without libvirt; nothing answers.
pub fn connect(call: &Call, options: &TargetOptions) -> Result<Box<dyn Ground>, CliError> {
    let uri = libvirt::uri(None, options.connect.as_deref()).to_owned();
    let hypervisor = libvirt::open_host(&uri)?;
    Ok(Box::new(Host { uri, hypervisor, environment: call.environment.clone() }))
}

impl Ground for Host {
    fn host(&self, on_prem: &OnPrem) -> Result<Need<'_, ()>, CliError> {
        let (uri, pool) = (&self.uri, &on_prem.storage_pool);
        if !on_prem.slow_host && !self.hypervisor.has_kvm().map_err(Fault::from)? {
            let message = format!("{uri} cannot run machines by KVM");
            return Err(CliError::new(Exit::Environment, message).help(
                "switch virtualisation on in the host's firmware, or allow it to nest; or say --slow-host: processors are \
                 emulated then, and all takes ten times as long",
            ));
        }
        let processors = if on_prem.slow_host { "emulated processors" } else { "KVM" };
        let there = There { value: (), told: format!("{uri}: {processors}, storage pool {pool}") };
        let wish = HostWish { pool: pool.clone(), storage: None, addresses: None, bridge: None };
        let plan = plan_host(&*self.hypervisor, &wish)?;
        if plan.steps.is_empty() {
            return Ok(Need::There(there));
        }
        Ok(Need::Makeable {
            what: plan.steps.iter().map(|step| step.describe(pool)).collect(),
            make: Box::new(move |tell| {
                prepare_host(&*self.hypervisor, &plan, &mut |step| {
                    tell(&format!("done: {}", step.describe(&plan.wish.pool)))
                })?;
                Ok(there)
            }),
        })
    }

    fn image(&self, wanted: &ImageWanted<'_>) -> Result<Need<'_, ImageName>, CliError> {
        let pool = &wanted.on_prem.storage_pool;
        match &wanted.on_prem.image {
            Some(OnPremImage::Folder(folder)) => {
                let there = There { told: told(&open(folder)?), value: Some(image_folder(folder)) };
                return Ok(Need::There(there));
            }
            Some(OnPremImage::Volume(volume)) => {
                if let Some(there) = self.volume(pool, volume)? {
                    return Ok(Need::There(There { value: Some(volume.clone()), ..there }));
                }
                let message = format!("the storage pool {pool} has no volume {volume}");
                return Err(CliError::new(Exit::Environment, message)
                    .help("take `onPremProfile.image` out of the model, and the engine builds an image"));
            }
            None => {}
        }
        let images = images_folder(wanted.options.images.as_deref(), &self.environment);
        // Where it is looked for anyway, the model need not name it: a newer one is taken by itself.
        let is_named = images != images_folder(None, &self.environment);
        let there =
            move |image: &ImageFolder| There { told: told(image), value: is_named.then(|| image_folder(&image.path)) };
        if let Some(image) = find(&images, &wanted.kubernetes.to_string())? {
            return Ok(Need::There(there(&image)));
        }
        if let Some(there) = self.volume(pool, DEFAULT_IMAGE)? {
            return Ok(Need::There(there));
        }
        let mut request = BuildRequest::new(images, &self.environment, &SystemClock)?;
        request.kubernetes = Some(wanted.kubernetes.to_string());
        request.kubernetes_binaries.clone_from(&wanted.options.kubernetes_binaries);
        request.container_images.clone_from(&wanted.options.container_images);
        let source = request.kubernetes_binaries.as_deref().map(Path::display);
        let source = source.map_or_else(|| "packages".to_owned(), |folder| format!("the programs in {folder}"));
        let what = format!("an image of Kubernetes {} is built from {source}", wanted.kubernetes);
        Ok(Need::Makeable {
            what: vec![format!("{what} in {}", request.images.display())],
            make: Box::new(move |tell| Ok(there(&build(&request, tell)?))),
        })
    }

    fn judge(&self, call: &Call, cluster: &Cluster, image: Option<&str>) -> Result<Vec<Finding>, CliError> {
        let mut on_prem = cluster.on_prem.clone().unwrap_or_default();
        // What the model says comes first.
        on_prem.image = on_prem.image.or_else(|| image.map(|folder| OnPremImage::Folder(folder.into())));
        let image = ChosenImage::of(call, Some(&Cluster { on_prem: Some(on_prem.clone()), ..cluster.clone() }))?;
        let demand = HostDemand::of(cluster);
        let question = Question {
            uri: &self.uri,
            pool: &on_prem.storage_pool,
            image: &image.volume,
            image_folder: image.folder.as_ref().map(|folder| folder.path.as_path()),
            kernel: None,
            group: &cluster.dns_prefix,
            demand: Some(&demand),
            // There are hosts where /dev/kvm opens and a machine hangs for ever.
            probes: !on_prem.slow_host,
        };
        let findings: Vec<Finding> = match libvirt::hosts(&on_prem, None).as_slice() {
            [] | [_] => look(call, &*self.hypervisor, &question),
            several => {
                let of_host = |host: OneOfSeveral| {
                    let about = move |finding: Finding| Finding {
                        about: format!("{}, {}", host.name, finding.about),
                        ..finding
                    };
                    host.findings.into_iter().map(about)
                };
                look_at_each(call, several, &question).into_iter().flat_map(of_host).collect()
            }
        };
        Ok(findings.into_iter().filter(|finding| finding.verdict != Verdict::Good).collect())
    }
}

impl Host {
    /// A volume of a pool that somebody has put there.
    fn volume(&self, pool: &str, volume: &str) -> Result<Option<There<ImageName>>, CliError> {
        let found = self.hypervisor.volume(pool, volume).map_err(Fault::from)?;
        Ok(found.map(|_| There { value: None, told: format!("the volume {volume} of the storage pool {pool}") }))
    }
}

fn told(image: &ImageFolder) -> String {
    format!("{} in {}", image.manifest.name, image.path.display())
}

#[cfg(all(test, feature = "libvirt"))]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use semver::Version;

    use super::*;
    use crate::base::Environment;
    use crate::base::Source;
    use crate::cli::output::Output;
    use crate::cli::settings::Settings;
    use crate::cli::verb::create::ground::ImageOptions;
    use crate::cluster::Request;
    use crate::contract::TargetName;
    use crate::model::{ReadOptions, read};

    fn call() -> Call {
        let environment = Environment::default();
        Call {
            output: Output::new(&environment, false),
            environment,
            settings: Vec::new(),
            found_settings: Settings::default(),
            creates_unasked: false,
            yes: false,
        }
    }

    /// libvirt's own test driver, which needs no daemon: it has one pool, and no KVM.
    fn ground() -> Box<dyn Ground> {
        let call = call();
        let connect = |uri: &str| {
            let options = TargetOptions { connect: Some(uri.to_owned()), ..TargetOptions::of(TargetName::Libvirt) };
            super::connect(&call, &options)
        };
        assert_eq!(connect("qemu+unix:///system?socket=/nowhere").err().unwrap().exit, Exit::Unavailable);
        connect("test:///default").unwrap()
    }

    fn told<T>(need: Result<Need<'_, T>, CliError>) -> Result<String, (Exit, String)> {
        match need {
            Ok(Need::There(there)) => Ok(there.told),
            Ok(Need::Makeable { what, .. }) => Ok(format!("makes {}", what.join("; "))),
            Err(error) => Err((error.exit, format!("{} {}", error.message, error.help.unwrap_or_default()))),
        }
    }

    #[test]
    fn what_a_host_lacks_is_told_or_made() {
        let (ground, mut on_prem) = (ground(), OnPrem::default());
        let (exit, without_kvm) = told(ground.host(&on_prem)).unwrap_err();
        assert_eq!(exit, Exit::Environment);
        assert!(without_kvm.contains("--slow-host"), "{without_kvm}");
        on_prem.slow_host = true;
        let makes = told(ground.host(&on_prem)).unwrap();
        assert!(makes.starts_with("makes") && makes.contains("engine"), "{makes}");
        on_prem.storage_pool = "default-pool".to_owned();
        let there = told(ground.host(&on_prem)).unwrap();
        assert!(
            there.contains("emulated processors, storage pool default-pool") || there.starts_with("makes"),
            "{there}"
        );
    }

    #[test]
    fn an_image_is_a_folder_a_volume_or_built() {
        let (ground, images) = (ground(), tempfile::tempdir().unwrap());
        let (version, mut options) = (Version::new(1, 36, 4), ImageOptions::default());
        options.images = Some(images.path().to_owned());
        let image = |on_prem: &OnPrem, options: &ImageOptions| {
            told(ground.image(&ImageWanted { kubernetes: &version, on_prem, options }))
        };
        let mut on_prem = OnPrem { storage_pool: "default-pool".to_owned(), ..OnPrem::default() };
        let makes = image(&on_prem, &options).unwrap();
        assert!(makes.contains("Kubernetes 1.36.4 is built from packages"), "{makes}");
        options.kubernetes_binaries = Some("/programs".into());
        let makes = image(&on_prem, &options).unwrap();
        assert!(makes.contains("from the programs in /programs"), "{makes}");
        on_prem.image = Some(OnPremImage::Volume("another".to_owned()));
        let (exit, missing) = image(&on_prem, &options).unwrap_err();
        assert_eq!(exit, Exit::Environment);
        assert!(missing.contains("no volume another"), "{missing}");
        on_prem.image = Some(OnPremImage::Folder(images.path().join("one")));
        assert_eq!(image(&on_prem, &options).unwrap_err().0, Exit::Usage, "a folder that is no image");
    }

    #[test]
    fn what_keeps_a_cluster_from_a_host_is_told_before_it_is_begun() {
        const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEVYQU1QTEUtS0VZLVJFUExBQ0UtV0lUSC1ZT1VSUy0t me";
        let request = Request { name: "demo".into(), ..Request::default() };
        let text = request.starter(TargetName::Libvirt, None, KEY.to_owned()).text();
        let cluster = read(&Source { name: "demo".into(), text }, &ReadOptions::default()).cluster.unwrap();
        let judged = |image: Option<&str>| ground().judge(&call(), &cluster, image);
        let findings = judged(None).unwrap();
        assert!(findings.iter().all(|finding| finding.verdict != Verdict::Good));
        // libvirt's driver for tests is the first that it cannot be made with.
        let bad = |it: &Finding| it.about == "libvirt" && it.verdict == Verdict::Bad && it.message.contains("by QEMU");
        assert!(findings.iter().any(bad), "{findings:#?}");
        // The model's own image comes first, also one that is no folder.
        let own = OnPrem { image: Some(OnPremImage::Volume("base.qcow2".into())), ..OnPrem::default() };
        let named = Cluster { on_prem: Some(own), ..cluster.clone() };
        assert!(ground().judge(&call(), &named, Some("base.qcow2")).is_ok());
        assert_eq!(judged(Some("/nowhere/image")).unwrap_err().exit, Exit::Usage, "a folder that is no image");
    }
}
