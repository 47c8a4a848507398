//! What runs of a cluster have learnt about how long things take: `state/durations.json`, in seconds by kind of step.
//! It only makes the next run wait better, so a file that is damaged or cannot be written is as good as none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::execute::Durations;
use crate::state::{read_sealed, write_sealed};

#[derive(Serialize, Deserialize)]
struct File {
    seconds: BTreeMap<String, f64>,
}

fn path(state: &Path) -> PathBuf {
    state.join("durations.json")
}

/// What was learnt by the runs whose state is in this folder.
pub(super) fn read(state: &Path) -> Durations {
    let file: Option<File> = read_sealed(&path(state)).ok().flatten();
    Durations::new(file.map(|file| file.seconds).unwrap_or_default())
}

/// Keeps what is known now, to the millisecond.
pub(super) fn keep(state: &Path, durations: &Durations) {
    let round = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
    let seconds = durations.seconds().into_iter().map(|(name, seconds)| (name, round(seconds))).collect();
    let _ = write_sealed(&path(state), &File { seconds });
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_learnt_is_known_to_the_next_run_and_damage_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let durations = Durations::default();
        durations.learn("create a", Some(Duration::from_secs(2)), Duration::from_secs(4));
        keep(folder.path(), &durations);
        assert_eq!(read(folder.path()).seconds(), [("create a".to_owned(), 3.0)].into());
        std::fs::write(path(folder.path()), "{").unwrap();
        assert!(read(folder.path()).seconds().is_empty());
    }
}
