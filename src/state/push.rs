//! A snapshot given from outside: put in the place of the one there, if it is of the same lineage and newer.

use std::path::Path;

use super::{Locked, Snapshot, StateError, read_sealed, write_sealed};

impl Snapshot {
    /// Writes the snapshot into a file of its own, for its owner only.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn export(&self, path: &Path) -> Result<(), StateError> {
        write_sealed(path, self)
    }

    /// The text of such a file.
    pub fn exported(&self) -> String {
        // Texts, numbers and JSON; writing it to memory cannot fail.
        super::sealed::seal(None, serde_json::to_string_pretty(self).unwrap_or_default())
    }

    /// Reads such a file; a state's own `state.json` is one too.
    ///
    /// # Errors
    /// A file that is missing, damaged, or of a newer engine.
    pub fn import(path: &Path) -> Result<Self, StateError> {
        read_sealed(path)?.ok_or_else(|| StateError::Absent(path.to_owned()))
    }
}

impl Locked {
    /// Puts a given snapshot in the place of the one there. Gives it as it is written: where it was forced over a newer
    /// one, its serial is the next one, so that plans made from either are known to be old.
    ///
    /// # Errors
    /// Without `force`: another lineage, an older serial, the same serial with another content, an interrupted run.
    pub fn push(&self, mut given: Snapshot, force: bool) -> Result<Snapshot, StateError> {
        let place = self.place();
        let known = match self.snapshot() {
            Err(StateError::Damaged { .. } | StateError::NewerFormat { .. }) if force => None,
            known => known?,
        };
        if force {
            if let Some(known) = known.filter(|known| known.serial >= given.serial && *known != given) {
                given.serial = known.serial + 1;
            }
        } else if let Some(known) = known {
            if known.lineage != given.lineage {
                return Err(StateError::OtherLineage { place, known: known.lineage, given: given.lineage });
            }
            if given.serial < known.serial {
                return Err(StateError::OlderSerial { place, known: known.serial, given: given.serial });
            }
            if known == given {
                return Ok(given);
            }
            if given.serial == known.serial {
                return Err(StateError::SameSerial { place, serial: known.serial });
            }
            if self.has_run() {
                return Err(StateError::RunThere(place));
            }
        }
        self.replace(&given)?;
        Ok(given)
    }
}
