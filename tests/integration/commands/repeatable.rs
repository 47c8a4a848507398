//! The same model and the same keys give the same bytes, in every run and on every machine; and a run that cannot write
//! leaves the folder as it was.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Place, QUICKSTART, model};
use crate::golden;

/// Every file below a folder, with its mode and the digest of its content.
fn digests(folder: &Path) -> BTreeMap<String, (u32, String)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_dir() {
                found.insert(format!("{name}/"), (mode, String::new()));
                folders.push(path);
            } else {
                let content = std::fs::read_to_string(&path).unwrap();
                found.insert(name, (mode, engine::base::Secret::new(content).digest()));
            }
        }
    }
    found
}

/// A folder with the keys that are kept for this.
fn with_keys(place: &Place, name: &str) -> String {
    let folder = place.path(name);
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(golden::path("tests/keys")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "README.md" {
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    folder.display().to_string()
}

#[test]
fn the_same_keys_give_the_same_bytes_on_every_machine() {
    let place = Place::new();
    let runs = ["first", "second"].map(|name| {
        let folder = with_keys(&place, name);
        place.expect(0, &["generate", &model(QUICKSTART), "-o", &folder]);
        digests(Path::new(&folder))
    });
    assert_eq!(runs[0], runs[1]);
    let text: String =
        runs[0].iter().map(|(name, (mode, digest))| format!("{mode:03o} {digest:71} {name}\n")).collect();
    golden::assert_kept("tests/golden/quickstart/files.txt", &text);
    for (name, (mode, _)) in &runs[0] {
        assert_eq!(*mode, if name.ends_with('/') { 0o700 } else { 0o600 }, "{name}");
    }
}

#[test]
fn test_18_a_run_that_cannot_write_leaves_the_folder_as_it_was() {
    let place = Place::new();
    let folder = with_keys(&place, "cluster");
    place.expect(0, &["generate", &model(QUICKSTART), "-o", &folder]);
    let before = digests(Path::new(&folder));
    // The kubeconfig, which is written last, has no place to go to: a file stands where its folder should be.
    std::fs::rename(place.path("cluster/kubeconfig"), place.path("kept")).unwrap();
    std::fs::write(place.path("cluster/kubeconfig"), "").unwrap();
    let other = "--set=masterProfile.dnsPrefix=another";
    let output = place.engine(&["generate", &model(QUICKSTART), "-o", &folder, other]);
    assert_eq!(output.status.code(), Some(78), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(place.path("cluster/kubeconfig")).unwrap();
    std::fs::rename(place.path("kept"), place.path("cluster/kubeconfig")).unwrap();
    assert_eq!(digests(Path::new(&folder)), before);
    // A folder that would have to be made where none can be.
    std::fs::write(place.path("file"), "").unwrap();
    let below = place.path("file/below").display().to_string();
    assert_eq!(place.engine(&["generate", &model(QUICKSTART), "-o", &below]).status.code(), Some(78));
}

#[test]
fn test_18_a_full_disk_leaves_the_folder_as_it_was() {
    let place = Place::new();
    let folder = with_keys(&place, "cluster");
    place.expect(0, &["generate", &model(QUICKSTART), "-o", &folder]);
    let before = digests(Path::new(&folder));
    // No file may have more than 16 KiB, so that writing stops in the midst of the template. The signal that would come
    // with it is left aside, as a disk that is full sends none.
    let command = format!(
        "trap '' XFSZ; ulimit -f 16; exec {} generate {} -o {folder} --set masterProfile.dnsPrefix=another",
        env!("CARGO_BIN_EXE_engine"),
        model(QUICKSTART)
    );
    let output = std::process::Command::new("bash").args(["-c", &command]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("cannot write"), "{told}");
    assert_eq!(digests(Path::new(&folder)), before);
}
