//! Keeps what control-plane machines have told of services, also for a gateway that starts again.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::configuration::Configuration;
use super::services::{Allotments, Services, ToldServices, Unheard};
use crate::base::{FileError, read_own_text, write_private};

/// The file below a gateway's folder.
const FILE: &str = "services.json";

/// Why something told is not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotKept {
    #[error(transparent)]
    Unheard(#[from] Unheard),
    #[error(transparent)]
    File(#[from] FileError),
}

/// What was told last, on the disk and here.
pub(super) struct Keeper {
    file: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    services: Services,
    /// How often they have changed.
    changes: u64,
}

impl Keeper {
    /// What an earlier gateway of the folder has kept. A file of another form is nothing: all is told again soon.
    pub(super) fn load(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let services = read_own_text(&file).ok().and_then(|text| serde_json::from_str::<Services>(&text).ok());
        let changes = u64::from(services.is_some());
        Self { file, known: Mutex::new(Known { services: services.unwrap_or_default(), changes }) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often something has changed.
    pub(super) fn changes(&self) -> u64 {
        self.known().changes
    }

    /// What was told last.
    pub(super) fn current(&self) -> Services {
        self.known().services.clone()
    }

    /// Takes what a control-plane machine tells, and gives each service's address. It is on the disk before anybody hears of it.
    pub(super) fn hear(&self, configuration: &Configuration, told: ToldServices) -> Result<Allotments, NotKept> {
        let mut known = self.known();
        let heard = known.services.hear(configuration, told)?;
        if heard != known.services {
            let text = serde_json::to_string(&heard).unwrap_or_default();
            write_private(&self.file, text.as_bytes())?;
            known.services = heard;
            known.changes += 1;
        }
        Ok(known.services.allotted.clone())
    }
}
