//! A libvirt host as the ground of a cluster.

use super::ground::Ground;
use crate::cli::Call;
use crate::cli::error::CliError;
use crate::cli::options::TargetOptions;

/// The host that the options name.
///
/// # Errors
/// This build has no libvirt.
#[cfg(not(feature = "libvirt"))]
pub fn connect(_: &Call, _: &TargetOptions) -> Result<Box<dyn Ground>, CliError> {
    Err(crate::cli::libvirt::not_built())
}

#[cfg(feature = "libvirt")]
pub use with_library::connect;

#[cfg(feature = "libvirt")]
mod with_library {
    use super::super::ground::{ImageName, ImageWanted, Need, There, image_folder};
    use super::{Call, CliError, Ground, TargetOptions};
    use crate::cli::Exit;
    use crate::contract::Fault;
    use crate::model::{OnPrem, OnPremImage};
    use crate::target::libvirt::{DEFAULT_IMAGE, DEFAULT_URI, Hypervisor as _, LibvirtConnection};

    /// A host that answers.
    struct Host {
        uri: String,
        hypervisor: LibvirtConnection,
    }

    /// The host that the options name.
    ///
    /// # Errors
    /// Nothing answers.
    pub fn connect(_: &Call, options: &TargetOptions) -> Result<Box<dyn Ground>, CliError> {
        let uri = options.connect.as_deref().unwrap_or(DEFAULT_URI).to_owned();
        let hypervisor = LibvirtConnection::open(&uri).map_err(Fault::from)?;
        Ok(Box::new(Host { uri, hypervisor }))
    }

    impl Ground for Host {
        fn host(&self, on_prem: &OnPrem) -> Result<Need<'_, ()>, CliError> {
            let (uri, pool) = (&self.uri, &on_prem.storage_pool);
            let has_kvm = self.hypervisor.has_kvm().map_err(Fault::from)?;
            if !has_kvm && !on_prem.slow_host {
                let message = format!("{uri} cannot run machines by KVM");
                return Err(CliError::new(Exit::Environment, message).help(
                    "switch virtualisation on in the host's firmware, or allow it to nest; or say --slow-host: processors are \
                     emulated then, and all takes ten times as long",
                ));
            }
            if self.hypervisor.pool(pool).map_err(Fault::from)?.is_none() {
                let message = format!("{uri} has no active storage pool {pool}");
                return Err(CliError::new(Exit::Environment, message).help(format!(
                    "make one: virsh pool-define-as {pool} dir --target /var/lib/libvirt/{pool} && virsh pool-build \
                     {pool} && virsh pool-start {pool} && virsh pool-autostart {pool}"
                )));
            }
            let processors = if on_prem.slow_host { "emulated processors" } else { "KVM" };
            Ok(Need::There(There { value: (), told: format!("{uri}: {processors}, storage pool {pool}") }))
        }

        fn image(&self, wanted: &ImageWanted<'_>) -> Result<Need<'_, ImageName>, CliError> {
            let pool = &wanted.on_prem.storage_pool;
            let volume = match &wanted.on_prem.image {
                // Its own manifest is looked at when it is used.
                Some(OnPremImage::Folder(folder)) => {
                    let name = image_folder(folder);
                    return Ok(Need::There(There { told: format!("the folder {name}"), value: Some(name) }));
                }
                Some(OnPremImage::Volume(volume)) => volume.as_str(),
                None => DEFAULT_IMAGE,
            };
            if self.hypervisor.volume(pool, volume).map_err(Fault::from)?.is_some() {
                let value = Some(volume.to_owned()).filter(|volume| volume != DEFAULT_IMAGE);
                return Ok(Need::There(There {
                    value,
                    told: format!("the volume {volume} of the storage pool {pool}"),
                }));
            }
            let (version, options) = (wanted.kubernetes, wanted.options);
            let message =
                format!("the storage pool {pool} has no volume {volume} with an image of Kubernetes {version}");
            let asked = [&options.images, &options.kubernetes_binaries, &options.container_images];
            let help = match asked.into_iter().flatten().next() {
                Some(folder) => format!("put an image into the pool: this build takes none from {}", folder.display()),
                None => "put an image into the pool; docs/on-prem.md tells what it needs".to_owned(),
            };
            Err(CliError::new(Exit::Environment, message).help(help))
        }
    }

    #[cfg(test)]
    #[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
    mod tests {
        use semver::Version;

        use super::*;
        use crate::base::Environment;
        use crate::cli::output::Output;
        use crate::cli::settings::Settings;
        use crate::cli::verb::create::ground::ImageOptions;
        use crate::contract::TargetName;

        /// libvirt's own test driver, which needs no daemon: it has one pool, and no KVM.
        fn ground() -> Box<dyn Ground> {
            let environment = Environment::default();
            let call = Call {
                output: Output::new(&environment, false),
                environment,
                settings: Vec::new(),
                found_settings: Settings::default(),
                creates_unasked: false,
                yes: false,
            };
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
                Ok(Need::Makeable { .. }) => unreachable!("this ground makes nothing"),
                Err(error) => Err((error.exit, format!("{} {}", error.message, error.help.unwrap_or_default()))),
            }
        }

        #[test]
        fn what_a_host_lacks_is_told_with_the_remedy() {
            let ground = ground();
            let mut on_prem = OnPrem::default();
            let (exit, without_kvm) = told(ground.host(&on_prem)).unwrap_err();
            assert_eq!(exit, Exit::Environment);
            assert!(without_kvm.contains("--slow-host"), "{without_kvm}");
            on_prem.slow_host = true;
            let (_, without_pool) = told(ground.host(&on_prem)).unwrap_err();
            assert!(without_pool.contains("virsh pool-define-as engine"), "{without_pool}");
            on_prem.storage_pool = "default-pool".to_owned();
            assert_eq!(
                told(ground.host(&on_prem)),
                Ok("test:///default: emulated processors, storage pool default-pool".to_owned())
            );
        }

        #[test]
        fn an_image_is_a_volume_or_a_folder() {
            let ground = ground();
            let (version, options) = (Version::new(1, 36, 4), ImageOptions::default());
            let image = |on_prem: &OnPrem| {
                let wanted = ImageWanted { kubernetes: &version, on_prem, options: &options };
                told(ground.image(&wanted))
            };
            let mut on_prem = OnPrem { storage_pool: "default-pool".to_owned(), ..OnPrem::default() };
            let (exit, missing) = image(&on_prem).unwrap_err();
            assert_eq!(exit, Exit::Environment);
            assert!(missing.contains("no volume engine-image with an image of Kubernetes 1.36.4"), "{missing}");
            on_prem.image = Some(OnPremImage::Folder("/images/one".into()));
            assert_eq!(image(&on_prem), Ok("the folder /images/one".to_owned()));
            on_prem.image = Some(OnPremImage::Volume("another".to_owned()));
            assert!(image(&on_prem).unwrap_err().1.contains("no volume another"));
        }
    }
}
