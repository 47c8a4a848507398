//! `image`: what is there, whether it is whole, and that nothing is built where something is missing.

use std::path::PathBuf;

use serde_json::json;

use super::Place;

/// An image's folder with small files in `images`.
fn image(place: &Place, name: &str, kubernetes: &str) -> PathBuf {
    let folder = place.path("images").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let files = ["disk.qcow2", "kernel", "initrd"].map(|file| {
        std::fs::write(folder.join(file), file).unwrap();
        json!({ "name": file, "size": file.len(), "digest": engine::base::digest(file.as_bytes()) })
    });
    let manifest = json!({
        "format": 1, "name": name, "kubernetes": kubernetes, "engine": "0.1.0", "architecture": "amd64", "suite": "trixie",
        "archives": [], "sourceDate": 1_795_824_000, "diskBytes": 12_u64 << 30, "commandLine": "root=LABEL=rootfs",
        "bootsBy": ["uefi", "kernel"], "packages": [], "programs": [],
        "containerImages": [{ "name": "registry.k8s.io/pause:3.10.2", "digest": "sha256:6b5e" }], "files": files,
    });
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    folder
}

#[test]
fn images_are_listed_from_wherever_they_are_said_to_be() {
    let place = Place::new();
    assert!(place.expect(0, &["image", "list", "--images", "images"]).contains("engine image build"));
    image(&place, "former", "1.35.9");
    image(&place, "newest", "1.36.4");
    let told = place.json(&["image", "list", "--images", "images"]);
    let names: Vec<&str> =
        told["images"].as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["newest", "former"]);
    assert_eq!(told["images"][0]["bootsBy"], json!(["uefi", "kernel"]));
    let text = place.expect(0, &["image", "list", "--images", "images"]);
    let line = text.lines().find(|line| line.starts_with("newest ")).unwrap();
    assert!(line.contains("1.36.4") && line.contains("2026-11-28"), "{text}");
    // By the environment, and by the file of settings.
    let output = place.command(&["image", "list", "--json"]).env("ENGINE_IMAGES", "images").output().unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["images"], told["images"]);
    std::fs::write(place.path("engine.toml"), "images = 'images'\n").unwrap();
    assert_eq!(place.json(&["image", "list"])["images"].as_array().unwrap().len(), 2);
}

#[test]
fn a_damaged_image_is_told_and_does_not_hide_the_others() {
    let place = Place::new();
    let damaged = image(&place, "damaged", "1.36.4");
    image(&place, "good", "1.35.9");
    let images = ["--images", "images"];
    assert_eq!(place.json(&[&["image", "verify"][..], &images].concat())["whole"], true);
    std::fs::write(damaged.join("kernel"), "kernal").unwrap();
    let output = place.engine(&[&["image", "verify"][..], &images].concat());
    assert_eq!(output.status.code(), Some(72));
    let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("not whole images/damaged") && out.contains("whole images/good"), "{out}");
    assert!(told.contains("kernel has the digest") && told.contains("--replace"), "{told}");
    let output = place.engine(&[&["image", "verify", "--json"][..], &images].concat());
    assert_eq!(output.status.code(), Some(72));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["whole"], false);
    assert!(told["images"].as_array().unwrap().iter().any(|image| image["help"].is_string()), "{told}");
    // By its name, and by its path.
    for good in ["good", "images/good"] {
        place.expect(0, &[&["image", "verify", good][..], &images].concat());
    }
    place.expect(64, &[&["image", "verify", "none"][..], &images].concat());
    std::fs::write(damaged.join("manifest.json"), "{").unwrap();
    place.expect(72, &[&["image", "verify", "damaged"][..], &images].concat());
    let text = place.expect(0, &[&["image", "list"][..], &images].concat());
    assert!(text.contains("is damaged: manifest.json") && text.contains("good "), "{text}");
}

#[test]
fn nothing_is_built_where_something_is_missing_or_makes_no_sense() {
    let place = Place::new();
    let build = |arguments: &[&str]| {
        let mut command = place.command(&[&["image", "build", "--images", "images"], arguments].concat());
        command.env("PATH", place.path("nowhere")).output().unwrap()
    };
    let output = build(&["--kubernetes", "1.35"]);
    assert_eq!(output.status.code(), Some(78));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["there is no mmdebstrap", "there is no qemu-img", "apt-get install"] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    for wrong in [&["--suite", "potato"][..], &["--size", "1"]] {
        assert_eq!(build(wrong).status.code(), Some(64), "{wrong:?}");
    }
    let output = place
        .command(&["image", "build", "--images", "images"])
        .env("SOURCE_DATE_EPOCH", "yesterday")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(!place.path("images").exists());
}
