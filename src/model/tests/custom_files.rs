//! Files that the user puts on the control plane's machines.

use serde_json::json;

use super::*;

fn with_files(folder: &Path, files: &Value) -> Reading {
    let mut model = quickstart();
    model["properties"]["masterProfile"]["customFiles"] = files.clone();
    let name = folder.join("apimodel.json").display().to_string();
    read(&Source { name, text: model.to_string() }, &ReadOptions::default())
}

#[test]
fn they_are_found_beside_the_model_and_kept_with_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("audit.yaml"), "kind: Policy\n").unwrap();
    let cluster = with_files(folder.path(), &json!([{"source": "audit.yaml", "dest": "/etc/kubernetes/audit.yaml"}]))
        .cluster
        .unwrap();
    let [file] = &cluster.control_plane.custom_files[..] else { panic!("one file") };
    assert_eq!((&*file.dest, file.content.expose()), ("/etc/kubernetes/audit.yaml", "kind: Policy\n"));
    assert!(!format!("{cluster:?}").contains("kind: Policy"));

    // In the cluster's own folder the file lies under another name.
    let written = cluster.to_api_model();
    let own = tempfile::tempdir().unwrap();
    let kept = own.path().join(CustomFile::kept_as(0));
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::write(kept, file.content.expose()).unwrap();
    let again = with_files(own.path(), &written["properties"]["masterProfile"]["customFiles"]);
    assert_eq!(again.cluster.unwrap().control_plane.custom_files, cluster.control_plane.custom_files);
}

#[test]
fn neither_large_files_nor_others_than_text_nor_two_at_one_place_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("large"), "x".repeat((256 << 10) + 1)).unwrap();
    std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
    std::fs::write(folder.path().join("text"), "x").unwrap();
    let files = json!([
        {"source": "large", "dest": "/a"},
        {"source": "binary", "dest": "/b"},
        {"source": "text", "dest": "/c"},
        {"source": "text", "dest": "/c"},
    ]);
    let at = |place: &str| format!("custom-file /properties/masterProfile/customFiles/{place}");
    assert_eq!(errors(&with_files(folder.path(), &files).diagnostics), [at("0/source"), at("1/source"), at("3/dest")]);
}
