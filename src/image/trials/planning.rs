//! What a request comes to, and the command lines of the programs that build.

use super::super::base_system;
use super::super::plan::{Plan, plan};
use super::*;
use crate::image::ImageError;

fn told() -> Version {
    Version::new(1, 36, 4)
}

fn planned(change: impl FnOnce(&mut BuildRequest)) -> Result<Plan, ImageError> {
    let mut request = request(Path::new("/images"));
    change(&mut request);
    let told = request.kubernetes_binaries.is_some().then(told);
    plan(&request, told.as_ref(), &[])
}

#[test]
fn the_packages_are_installed_by_this_command_line() {
    let mut plan = planned(|_| {}).unwrap();
    assert_eq!(plan.name, "kubernetes-1.36.4-trixie");
    plan.packages = vec!["linux-image-cloud-amd64".into(), "chrony".into()];
    let work = Path::new("/images/.a.building");
    let command = base_system::bootstrap(&plan, work, &work.join("base.tar"));
    assert_eq!(
        command.shown(),
        "mmdebstrap --mode=root --variant=minbase --format=tar --architectures=amd64 \
         --include=linux-image-cloud-amd64,chrony '--aptopt=Apt::Install-Recommends \"false\"' \
         '--dpkgopt=path-exclude=/usr/share/doc/*' '--dpkgopt=path-exclude=/usr/share/man/*' \
         '--dpkgopt=path-exclude=/usr/share/locale/*' \
         '--essential-hook=sh /images/.a.building/essential.sh \"$1\"' \
         '--customize-hook=sh /images/.a.building/system.sh \"$1\"' trixie /images/.a.building/base.tar \
         'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' \
         'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie-updates main' \
         'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security \
         trixie-security main'"
    );
    assert_eq!(command.variables, [("TMPDIR", std::ffi::OsString::from(work))]);
}

#[test]
fn packages_of_kubernetes_come_from_archives_whose_keys_are_known() {
    let plan = planned(|request| {
        request.kubernetes_binaries = None;
        request.kubernetes = Some("1.35".into());
    })
    .unwrap();
    let work = Path::new("/w");
    let fetched: Vec<String> = plan
        .archives
        .iter()
        .filter_map(|archive| base_system::fetch_key(work, archive))
        .map(|line| line.shown())
        .collect();
    assert_eq!(
        fetched,
        [
            "curl --silent --show-error --fail --location --proto =https --max-time 60 --output /w/kubernetes.asc \
             https://pkgs.k8s.io/core:/stable:/v1.35/deb/Release.key",
            "curl --silent --show-error --fail --location --proto =https --max-time 60 --output /w/docker.asc \
             https://download.docker.com/linux/debian/gpg",
        ]
    );
    let shown = base_system::bootstrap(&plan, work, &work.join("base.tar")).shown();
    for line in [
        "'deb [signed-by=/w/kubernetes.asc] https://pkgs.k8s.io/core:/stable:/v1.35/deb/ /'",
        "'deb [signed-by=/w/docker.asc] https://download.docker.com/linux/debian trixie stable'",
    ] {
        assert!(shown.contains(line), "{line} is missing in {shown}");
    }
    // On the machine, the keys lie where apt expects them.
    let stanza = plan.archives.iter().find(|archive| archive.name == "kubernetes").unwrap().stanza();
    assert_eq!(
        stanza,
        "Types: deb\nURIs: https://pkgs.k8s.io/core:/stable:/v1.35/deb/\nSuites: /\n\
         Signed-By: /etc/apt/keyrings/kubernetes.asc\n"
    );
}

#[test]
fn a_mirror_takes_the_archives_place_and_missing_security_updates_are_told() {
    let archives = |plan: &Plan| -> Vec<String> {
        plan.archives.iter().map(|archive| format!("{} {}", archive.url, archive.suites.join(" "))).collect()
    };
    let mirror = Some("https://mirror.example/debian/".to_owned());
    let plan = planned(|request| request.mirror = mirror.clone()).unwrap();
    assert_eq!(archives(&plan), ["https://mirror.example/debian trixie trixie-updates"]);
    assert!(plan.notes.iter().any(|note| note.contains("--security-mirror")), "{:?}", plan.notes);
    let plan = planned(|request| {
        request.mirror = mirror.clone();
        request.security_mirror = Some("https://mirror.example/security".into());
    })
    .unwrap();
    assert_eq!(archives(&plan)[1..], ["https://mirror.example/security trixie-security"]);
    assert!(!plan.notes.iter().any(|note| note.contains("--security-mirror")), "{:?}", plan.notes);
    let plan = planned(|request| {
        request.suite = "noble".into();
        request.mirror = Some("http://mirror.example/ubuntu".into());
    })
    .unwrap();
    assert_eq!(archives(&plan)[1..], ["http://mirror.example/ubuntu noble-security"]);
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    let refused = |change: &dyn Fn(&mut BuildRequest)| match planned(|request| change(request)) {
        Err(ImageError::Request { what, help }) => format!("{what}\n{help}"),
        other => panic!("{other:?}"),
    };
    assert!(refused(&|request| request.suite = "potato".into()).contains("trixie, noble"));
    assert!(refused(&|request| request.name = Some("../x".into())).contains("`../x`"));
    assert!(refused(&|request| request.name = Some("x.kernel".into())).contains("not ending with"));
    assert!(refused(&|request| request.kubernetes = Some("1.35".into())).contains("1.36.4"));
    // The password is not told.
    let told = refused(&|request| request.mirror = Some("https://user:secret@mirror.example/debian".into()));
    assert!(told.contains("--mirror") && !told.contains("secret"), "{told}");
    for wrong in ["ftp://a/b", "debian", "http://", "http://a/b c", "http://a/?x"] {
        refused(&|request| request.mirror = Some(wrong.into()));
    }
    let unknown = refused(&|request| {
        request.kubernetes_binaries = None;
        request.kubernetes = Some("1.20.2".into());
    });
    assert!(unknown.contains("--kubernetes-binaries"), "{unknown}");
}

#[test]
fn a_kept_part_is_another_once_anything_in_it_is() {
    let plan = planned(|_| {}).unwrap();
    let digest = base_system::digest(&plan, 86_400);
    assert_eq!(digest, base_system::digest(&planned(|request| request.name = Some("other".into())).unwrap(), 86_400));
    let mut others = vec![base_system::digest(&plan, 0)];
    others.push(base_system::digest(&planned(|request| request.suite = "noble".into()).unwrap(), 86_400));
    let mut more = plan.clone();
    more.packages.push("libvirt0".into());
    others.push(base_system::digest(&more, 86_400));
    others.push(base_system::digest(&planned(|r| r.mirror = Some("http://m/debian".into())).unwrap(), 86_400));
    assert!(!others.contains(&digest), "{digest}: {others:?}");
}
