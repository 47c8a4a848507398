//! Images that are there: read, listed, found, verified; and those that are damaged.

use super::super::{Manifest, find, images_folder, list, open, scan, verify};
use super::*;
use crate::image::ImageError;

#[test]
fn a_manifest_is_read_as_it_was_written() {
    let images = tempfile::tempdir().unwrap();
    let folder = image(images.path(), "a", "1.36.4", 5);
    let read = open(&folder).unwrap();
    assert_eq!(read.manifest.text(), std::fs::read_to_string(folder.join(MANIFEST)).unwrap());
    let text = read.manifest.text();
    for part in [
        "\"format\": 1",
        "\"kubernetes\": \"1.36.4\"",
        "\"bootsBy\": [\n    \"uefi\",\n    \"kernel\"",
        "\"sourceDate\": 5",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

/// Changes the text of an image's manifest.
fn spoil(folder: &Path, from: &str, to: &str) {
    let path = folder.join(MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_damaged_manifest_is_told_with_its_place_and_a_remedy() {
    for (from, to, told) in [
        ("\"name\": \"a\"", "\"name\": 7", "line 3"),
        ("\"name\": \"a\"", "\"name\": \"../a\"", "`../a` is no name"),
        ("{\n  \"format\"", "\"format\"", "line 1"),
        ("\"name\": \"disk.qcow2\"", "\"name\": \"/etc/shadow\"", "`/etc/shadow` is no file"),
        ("\"name\": \"disk.qcow2\"", "\"name\": \"..\"", "`..` is no file"),
        ("\"name\": \"disk.qcow2\"", "\"name\": \"kernel\"", "kernel is there twice"),
        ("\"name\": \"disk.qcow2\"", "\"name\": \"other\"", "it has no disk.qcow2"),
        ("\"name\": \"initrd\"", "\"name\": \"other\"", "it has no initrd"),
        ("\"format\": 1", "\"format\": 0", "format 0"),
    ] {
        let images = tempfile::tempdir().unwrap();
        let folder = image(images.path(), "a", "1.36.4", 0);
        spoil(&folder, from, to);
        let error = open(&folder).unwrap_err();
        assert!(matches!(error, ImageError::Damaged { .. }), "{to}: {error}");
        assert!(error.to_string().contains(told), "{to}: {error}");
        assert!(error.help().unwrap().contains("--replace"), "{to}");
    }
}

#[test]
fn a_manifest_of_a_newer_engine_is_not_taken_for_a_damaged_one() {
    let images = tempfile::tempdir().unwrap();
    let folder = image(images.path(), "a", "1.36.4", 0);
    std::fs::write(folder.join(MANIFEST), "{\"format\": 2, \"else\": true}").unwrap();
    assert!(matches!(open(&folder), Err(ImageError::Newer { format: 2, .. })));
    std::fs::remove_file(folder.join(MANIFEST)).unwrap();
    assert!(matches!(open(&folder), Err(ImageError::NotAnImage { .. })));
}

#[test]
fn a_file_that_is_missing_short_or_another_is_found_by_looking_at_all_of_it() {
    let images = tempfile::tempdir().unwrap();
    let folder = image(images.path(), "a", "1.36.4", 0);
    let there = open(&folder).unwrap();
    verify(&there).unwrap();
    let disk = folder.join(DISK);
    let whole = std::fs::read(&disk).unwrap();
    let told = |what: &str| {
        let error = verify(&there).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.help().is_some());
    };
    std::fs::write(&disk, &whole[1..]).unwrap();
    told(&format!("disk.qcow2 has {} bytes, not {}", whole.len() - 1, whole.len()));
    let mut other = whole.clone();
    other[0] ^= 1;
    std::fs::write(&disk, &other).unwrap();
    told("disk.qcow2 has the digest sha256:");
    std::fs::remove_file(&disk).unwrap();
    told("disk.qcow2 is not there");
    std::fs::create_dir(&disk).unwrap();
    told("disk.qcow2 is no file");
}

#[test]
fn images_are_listed_from_the_newest_version_and_the_newest_packages() {
    let images = tempfile::tempdir().unwrap();
    assert_eq!(list(images.path()).unwrap(), []);
    assert_eq!(list(&images.path().join("none")).unwrap(), []);
    image(images.path(), "old", "1.36.4", 86_400);
    image(images.path(), "newest", "1.36.10", 0);
    image(images.path(), "new", "1.36.4", 172_800);
    image(images.path(), "former", "1.35.9", 172_800);
    // A build under way, its log, and something else.
    image(images.path(), ".b.building", "1.37.0", 0);
    std::fs::write(images.path().join("b.log"), "").unwrap();
    std::fs::create_dir(images.path().join("notes")).unwrap();
    let names =
        |images: &Path| -> Vec<String> { list(images).unwrap().into_iter().map(|image| image.manifest.name).collect() };
    assert_eq!(names(images.path()), ["newest", "new", "old", "former"]);
    let found = |version: &str| find(images.path(), version).unwrap().map(|image| image.manifest.name);
    assert_eq!(found("1.36.4").as_deref(), Some("new"));
    assert_eq!(found("v1.35.9").as_deref(), Some("former"));
    assert_eq!(found("1.36"), None);
    assert_eq!(found("1.36.1"), None);
}

#[test]
fn a_damaged_image_does_not_hide_the_others() {
    let images = tempfile::tempdir().unwrap();
    image(images.path(), "good", "1.36.4", 0);
    spoil(&image(images.path(), "bad", "1.35.9", 0), "{", "");
    let scanned = scan(images.path()).unwrap();
    assert!(matches!(&scanned[..], [(good, Ok(_)), (bad, Err(_))] if good.ends_with("good") && bad.ends_with("bad")));
    assert!(list(images.path()).is_err());
    assert!(find(images.path(), "1.36.4").unwrap().is_some());
    // It may be the one that is looked for.
    assert!(matches!(find(images.path(), "1.35.9"), Err(ImageError::Damaged { .. })));
}

#[test]
fn the_folder_of_images_is_said_set_or_everybodys_own() {
    let folder = |said: Option<&str>, environment: &Environment| {
        images_folder(said.map(Path::new), environment).display().to_string()
    };
    let mut environment = Environment::of([("HOME", "/home/a"), ("ENGINE_IMAGES", "/set")]);
    assert_eq!(folder(Some("here"), &environment), "here");
    assert_eq!(folder(None, &environment), "/set");
    environment = Environment::of([("HOME", "/home/a"), ("XDG_DATA_HOME", "/data")]);
    assert_eq!(folder(None, &environment), "/data/engine/images");
    environment.superuser = true;
    assert_eq!(folder(None, &environment), "/var/lib/engine/images");
    environment = Environment::of([("HOME", "/home/a"), ("XDG_DATA_HOME", "relative")]);
    assert_eq!(folder(None, &environment), "/home/a/.local/share/engine/images");
}

#[test]
fn a_manifest_without_a_kernel_need_not_have_one() {
    let images = tempfile::tempdir().unwrap();
    let folder = image(images.path(), "a", "1.36.4", 0);
    let mut manifest = Manifest::read(&folder).unwrap();
    manifest.boots_by = vec![BootMethod::Uefi];
    manifest.files.retain(|file| file.name == DISK);
    std::fs::write(folder.join(MANIFEST), manifest.text()).unwrap();
    verify(&open(&folder).unwrap()).unwrap();
}
