//! What a cluster stands on and comes before it: a host, and the image that its machines start from.
//!
//! [`Ground`] says what `create` has to know of them. [`ground`] is the one place that says who answers for which target.

use std::path::{Path, PathBuf};

use clap::Args;
use semver::Version;

use super::steps::Steps;
use crate::cli::Call;
use crate::cli::error::CliError;
use crate::cli::options::TargetOptions;
use crate::cluster::Finding;
use crate::contract::TargetName;
use crate::model::{Cluster, OnPrem};

/// Where the image comes from.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Image")]
pub struct ImageOptions {
    /// The folder of images, where one is looked for and built [env: ENGINE_IMAGES]
    #[arg(long, value_name = "FOLDER")]
    pub images: Option<PathBuf>,
    /// Kubernetes' programs for an image that is built, in place of packages
    #[arg(long, value_name = "FOLDER")]
    pub kubernetes_binaries: Option<PathBuf>,
    /// Archives of container images for an image that is built, so that machines need not fetch them
    #[arg(long, value_name = "FOLDER")]
    pub container_images: Option<PathBuf>,
}

/// Which image is wanted.
pub struct ImageWanted<'a> {
    /// The version of Kubernetes that it has to hold.
    pub kubernetes: &'a Version,
    /// What the model says of hosts, the image's name included if it names one.
    pub on_prem: &'a OnPrem,
    /// What the command line says.
    pub options: &'a ImageOptions,
}

/// Something that is needed.
pub enum Need<'a, T> {
    /// It is there.
    There(There<T>),
    /// It is not, and the engine makes it once that is agreed to. Who has begun and was killed begins again.
    Makeable {
        /// What would be done, a line each.
        what: Vec<String>,
        /// Does it, and tells how far it is.
        make: Make<'a, T>,
    },
}

/// What makes it.
type Make<'a, T> = Box<dyn FnOnce(&mut dyn FnMut(&str)) -> Result<There<T>, CliError> + 'a>;

/// Something that is there.
pub struct There<T> {
    /// What is to be known of it.
    pub value: T,
    /// What it is, in a line.
    pub told: String,
}

/// What machines start from, as a model says it; `None`: the model need not say it.
pub type ImageName = Option<String>;

/// A host, and the images for it. Looking changes nothing.
pub trait Ground {
    /// Whether the host can take a cluster, whose model says this of hosts.
    ///
    /// # Errors
    /// It cannot, and the engine can do nothing about it.
    fn host(&self, on_prem: &OnPrem) -> Result<Need<'_, ()>, CliError>;

    /// The image.
    ///
    /// # Errors
    /// There is none, and the engine can make none.
    fn image(&self, wanted: &ImageWanted<'_>) -> Result<Need<'_, ImageName>, CliError>;

    /// What is not as a new cluster of this model needs it; `image` is the image's folder, if the model has yet to name it. A
    /// machine without a disk may start for it, of which nothing is left.
    ///
    /// # Errors
    /// The image cannot be read.
    fn judge(&self, call: &Call, cluster: &Cluster, image: Option<&str>) -> Result<Vec<Finding>, CliError>;
}

/// What is needed; made, if it is not there and that is agreed to.
///
/// # Errors
/// A no; what cannot be made.
pub fn obtain<T>(steps: &Steps<'_>, need: Need<'_, T>) -> Result<There<T>, CliError> {
    match need {
        Need::There(there) => Ok(there),
        Need::Makeable { what, make } => {
            steps.agree(&what)?;
            make(&mut |line| steps.tell(line))
        }
    }
}

/// Who answers for a target.
///
/// # Errors
/// A build without the target; a host that does not answer.
pub fn ground(call: &Call, target: TargetName, options: &TargetOptions) -> Result<Box<dyn Ground>, CliError> {
    match target {
        TargetName::Simulator => Ok(Box::new(Simulated)),
        _ => super::host::connect(call, options),
    }
}

/// Nothing: simulated machines have no host, and start from nothing.
struct Simulated;

impl Ground for Simulated {
    fn host(&self, _: &OnPrem) -> Result<Need<'_, ()>, CliError> {
        Ok(Need::There(There { value: (), told: "skipped: simulated machines need none".to_owned() }))
    }

    fn image(&self, _: &ImageWanted<'_>) -> Result<Need<'_, ImageName>, CliError> {
        Ok(Need::There(There { value: None, told: "skipped: simulated machines start from none".to_owned() }))
    }

    fn judge(&self, _: &Call, _: &Cluster, _: Option<&str>) -> Result<Vec<Finding>, CliError> {
        Ok(Vec::new())
    }
}

/// A folder as a model names an image's: with a slash in it.
pub fn image_folder(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::base::Environment;
    use crate::cli::Exit;
    use crate::cli::output::Output;
    use crate::cli::settings::Settings;

    fn call(yes: bool) -> Call {
        let environment = Environment::default();
        Call {
            output: Output::new(&environment, true),
            environment,
            settings: Vec::new(),
            found_settings: Settings::default(),
            creates_unasked: yes,
            yes,
        }
    }

    /// A host that has nothing yet.
    #[derive(Default)]
    struct Bare(RefCell<Vec<String>>);

    impl Ground for Bare {
        fn host(&self, on_prem: &OnPrem) -> Result<Need<'_, ()>, CliError> {
            let pool = on_prem.storage_pool.clone();
            Ok(Need::Makeable {
                what: vec![format!("storage pool {pool}: defined")],
                make: Box::new(move |tell| {
                    tell("done");
                    self.0.borrow_mut().push(format!("pool {pool}"));
                    Ok(There { value: (), told: "prepared".to_owned() })
                }),
            })
        }

        fn image(&self, wanted: &ImageWanted<'_>) -> Result<Need<'_, ImageName>, CliError> {
            let ImageOptions { images, kubernetes_binaries, container_images } = wanted.options.clone();
            let folder = images.unwrap_or_default().join(wanted.kubernetes.to_string());
            Ok(Need::Makeable {
                what: vec!["an image is built".to_owned()],
                make: Box::new(move |_| {
                    self.0.borrow_mut().push(format!("image {kubernetes_binaries:?} {container_images:?}"));
                    Ok(There { value: Some(image_folder(&folder)), told: "built".to_owned() })
                }),
            })
        }

        fn judge(&self, _: &Call, _: &Cluster, _: Option<&str>) -> Result<Vec<Finding>, CliError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn what_is_missing_is_made_once_that_is_agreed_to() {
        let (ground, on_prem, version) = (Bare::default(), OnPrem::default(), Version::new(1, 36, 4));
        let options = ImageOptions {
            images: Some("/images".into()),
            kubernetes_binaries: Some("/programs".into()),
            container_images: Some("/archives".into()),
        };
        let wanted = ImageWanted { kubernetes: &version, on_prem: &on_prem, options: &options };

        let silent = call(false);
        let steps = Steps::begin(&silent, false);
        let refused = ground.host(&on_prem).and_then(|need| obtain(&steps, need)).map(|there| there.told);
        assert_eq!(refused.map_err(|error| error.exit), Err(Exit::Usage), "nobody can be asked");
        assert_eq!(*ground.0.borrow(), Vec::<String>::new());

        let agreed = call(true);
        let steps = Steps::begin(&agreed, false);
        let host = ground.host(&on_prem).and_then(|need| obtain(&steps, need)).map(|there| there.told);
        let image = ground.image(&wanted).and_then(|need| obtain(&steps, need)).map(|there| there.value);
        assert_eq!(host.map_err(|error| error.message), Ok("prepared".to_owned()));
        assert_eq!(image.map_err(|error| error.message), Ok(Some("/images/1.36.4".to_owned())));
        assert_eq!(*ground.0.borrow(), ["pool engine", "image Some(\"/programs\") Some(\"/archives\")"]);
    }

    #[test]
    fn on_the_simulator_nothing_is_needed() {
        let (on_prem, version, call) = (OnPrem::default(), Version::new(1, 36, 4), call(false));
        let wanted = ImageWanted { kubernetes: &version, on_prem: &on_prem, options: &ImageOptions::default() };
        let steps = Steps::begin(&call, true);
        let host = Simulated.host(&on_prem).and_then(|need| obtain(&steps, need)).map(|there| there.told);
        let image = Simulated.image(&wanted).and_then(|need| obtain(&steps, need)).map(|there| there.told);
        for told in [host, image] {
            assert!(told.is_ok_and(|told| told.starts_with("skipped")));
        }
    }
}
