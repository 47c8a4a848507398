use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::storage::RemoteStorage;
use super::*;
use crate::base::{Environment, Files, FixedClock, Secret, SeededEntropy};
use crate::contract::{Journal as _, Record, TargetName};
use crate::graph::Scope;
use crate::state::{Identity, Link, Locked, Snapshot, StateError, Store};

const CANARY: &str = "canary-in-the-coal-mine";
const AT: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;
/// Short enough to wait for, long enough for a busy machine.
const EXPIRY: Duration = Duration::from_millis(400);

fn settings(key: Key) -> RemoteSettings {
    RemoteSettings {
        address: "azblob://account/container/some/prefix".parse().unwrap(),
        key,
        environment: Environment::default(),
        certificates: Vec::new(),
        expiry: RemoteSettings::EXPIRY,
    }
}

fn key(byte: u8) -> Key {
    use base64::Engine as _;
    Key::Bytes(Secret::new(base64::engine::general_purpose::STANDARD.encode([byte; 32]) + "\n"))
}

/// A store of objects in memory, as several machines see it.
struct World {
    objects: Arc<InMemory>,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self { objects: Arc::new(InMemory::new()), folder: tempfile::tempdir().unwrap() }
    }

    fn storage(&self, settings: &RemoteSettings) -> RemoteStorage {
        RemoteStorage::over(self.objects.clone(), settings).unwrap()
    }

    fn store(&self) -> Store {
        self.store_with(|_| ())
    }

    fn store_with(&self, change: impl FnOnce(&mut RemoteStorage)) -> Store {
        let mut storage = self.storage(&settings(key(1)));
        change(&mut storage);
        Store::over(self.folder.path(), Arc::new(storage))
    }

    /// Everything that lies there.
    fn all(&self) -> BTreeMap<String, Vec<u8>> {
        use futures_util::TryStreamExt as _;
        let objects = self.objects.clone();
        tokio::runtime::Runtime::new().unwrap().block_on(async move {
            let found: Vec<_> = objects.list(None).try_collect().await.unwrap();
            let mut all = BTreeMap::new();
            for object in found {
                let bytes = objects.get(&object.location).await.unwrap().bytes().await.unwrap();
                let name = object.location.to_string().replace("some/prefix/", "");
                all.insert(name, bytes.to_vec());
            }
            all
        })
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        let (objects, path) = (self.objects.clone(), format!("some/prefix/{name}").into());
        let put = async move { objects.put(&path, bytes.into()).await.unwrap() };
        tokio::runtime::Runtime::new().unwrap().block_on(put);
    }

    fn remove(&self, name: &str) {
        let (objects, path) = (self.objects.clone(), format!("some/prefix/{name}").into());
        tokio::runtime::Runtime::new().unwrap().block_on(async move { objects.delete(&path).await.unwrap() });
    }
}

fn identity() -> Identity {
    let scope = Scope {
        subscription_id: "s".into(),
        tenant_id: "t".into(),
        resource_group: "rg".into(),
        location: "westus2".into(),
    };
    Identity { cluster: "quickstart".into(), target: TargetName::Simulator, scope }
}

fn try_lock(store: &Store) -> Result<Locked, StateError> {
    store.lock("deploy", &FixedClock(AT), &Environment::of([("USER", "ada")]))
}

fn lock(store: &Store) -> Locked {
    try_lock(store).unwrap()
}

fn plan() -> Json {
    json!({ "steps": [], "note": CANARY })
}

fn began() -> Record {
    Record::Began { at: AT, verb: "deploy".into(), plan: CANARY.into() }
}

fn ended(complete: bool) -> Record {
    Record::Ended { at: AT, complete }
}

fn begin(locked: &Locked) -> crate::state::RunJournal {
    let entropy = SeededEntropy::new(7);
    locked.establish(&identity(), &entropy).unwrap();
    let secrets = [("handle".to_owned(), Secret::new(CANARY))].into();
    let journal = locked.begin(&plan(), &secrets, &[], &entropy).unwrap();
    assert_eq!(journal.plan(), crate::base::digest_json(&plan()));
    journal
}

fn records(store: &Store) -> Vec<Record> {
    store.unfinished::<Json>().unwrap().unwrap().records
}

fn facts(store: &Store) -> BTreeMap<String, String> {
    store.snapshot().unwrap().unwrap().facts
}

#[test]
fn a_run_is_seen_from_another_machine_and_taken_up_there() {
    let world = World::new();
    let (here, there) = (world.store(), world.store());
    assert!(there.snapshot().unwrap().is_none() && there.holder().unwrap().is_none());
    let locked = lock(&here);
    let mut journal = begin(&locked);
    journal.append(vec![began(), ended(false)]).unwrap();
    journal.append(vec![ended(false)]).unwrap();
    assert_eq!(records(&there), [began(), ended(false), ended(false)]);
    let unfinished = there.unfinished::<Json>().unwrap().unwrap();
    assert_eq!((unfinished.plan, unfinished.secrets["handle"].expose()), (plan(), CANARY));
    drop((locked, journal));

    let locked = lock(&there);
    locked.resume().unwrap().append(vec![ended(true)]).unwrap();
    assert_eq!(records(&here).len(), 4);
    let snapshot = locked.finish().unwrap();
    assert_eq!(here.snapshot().unwrap(), Some(snapshot));
    assert!(here.unfinished::<Json>().unwrap().is_none());
    // Of the run only the number that was taken from its first holder is left.
    let left: Vec<String> = world.all().into_keys().filter(|name| name.starts_with("runs/")).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].ends_with("journal/0000000004"), "{left:?}");
}

#[test]
fn the_second_to_ask_learns_who_holds_the_lock_and_gets_it_afterwards() {
    let world = World::new();
    let (here, there) = (world.store(), world.store());
    let locked = lock(&here);
    let StateError::Held { holder } = try_lock(&there).unwrap_err() else { panic!() };
    assert_eq!((holder.verb.as_str(), holder.who.as_str(), holder.pid), ("deploy", "ada", std::process::id()));
    assert_eq!(there.holder().unwrap(), Some(*holder));
    drop(locked);
    assert!(there.holder().unwrap().is_none());
    lock(&there);
}

#[test]
fn a_holder_that_lives_keeps_its_lock_beyond_the_expiry() {
    let world = World::new();
    let brief = |storage: &mut RemoteStorage| storage.expiry = EXPIRY;
    let locked = lock(&world.store_with(brief));
    std::thread::sleep(EXPIRY * 2);
    assert!(matches!(try_lock(&world.store_with(brief)), Err(StateError::Held { .. })));
    locked.check().unwrap();
}

/// Somebody who was stopped and goes on later: whatever is tried first, nothing of it is written.
#[test]
fn a_holder_that_gave_no_sign_of_life_can_write_nothing_any_more() {
    let world = World::new();
    let stopped = world.store_with(|storage| (storage.expiry, storage.is_silent) = (EXPIRY, true));
    let first = lock(&stopped);
    let mut journal = begin(&first);
    journal.append(vec![began()]).unwrap();
    std::thread::sleep(EXPIRY + Duration::from_millis(100));

    let second = lock(&world.store());
    let before = world.all();
    let error = first.amend(|snapshot| _ = snapshot.facts.insert("x".into(), "y".into())).unwrap_err();
    assert!(matches!(&error, StateError::Lost { holder: Some(holder), .. } if holder.verb == "deploy"), "{error}");
    assert!(journal.append(vec![ended(true)]).is_err());
    assert!(matches!(first.finish(), Err(StateError::Lost { .. })));
    drop(first);
    assert_eq!(world.all(), before);
    second.finish().unwrap();
}

/// The lock was taken away a moment ago, so that the holder has no reason to doubt it: the generations alone keep it out.
#[test]
fn fencing_does_not_depend_on_the_holders_own_caution() {
    let world = World::new();
    for finished in [false, true] {
        let silent = world.store_with(|storage| storage.is_silent = true);
        let first = lock(&silent);
        let mut journal = begin(&first);
        journal.append(vec![began()]).unwrap();
        let id = silent.holder().unwrap().unwrap().id;
        assert!(matches!(silent.unlock("another"), Err(StateError::OtherLock { .. })));
        silent.unlock(&id).unwrap();
        assert!(matches!(silent.unlock(&id), Err(StateError::NotLocked(_))));
        let store = world.store();
        let second = lock(&store);
        if finished {
            second.resume().unwrap().append(vec![ended(true)]).unwrap();
            second.finish().unwrap();
        }
        let before = world.all();
        assert!(journal.append(vec![ended(false)]).is_err(), "finished: {finished}");
        drop(first);
        assert_eq!(world.all(), before, "finished: {finished}");
        second.finish().unwrap();
    }
}

#[test]
fn nothing_there_can_be_read_without_the_key() {
    let world = World::new();
    let store = world.store();
    let locked = lock(&store);
    let mut journal = begin(&locked);
    journal.append(vec![began()]).unwrap();
    let mut files = Files::default();
    files.private("apimodel.json", CANARY);
    locked.keep_files(&files).unwrap();
    let all = world.all();
    assert!(all.len() >= 7, "{:?}", all.keys());
    for (name, bytes) in &all {
        for secret in [CANARY, "quickstart", "westus2", "ada"] {
            assert!(!String::from_utf8_lossy(bytes).contains(secret), "{secret} is in {name}");
        }
    }
    let with = |key: Key| Store::over(world.folder.path(), Arc::new(world.storage(&settings(key))));
    assert!(matches!(with(key(2)).snapshot(), Err(StateError::WrongKey(_))));
    assert!(matches!(try_lock(&with(key(2))), Err(StateError::WrongKey(_))));
    let passphrase = Key::Passphrase(Secret::new("a passphrase for a test"));
    assert!(matches!(with(passphrase).snapshot(), Err(StateError::Key(_))));
    assert_eq!(world.all(), all);
}

#[test]
fn a_passphrase_opens_what_was_begun_with_it() {
    let world = World::new();
    let with = |text: &str| {
        let settings = settings(Key::Passphrase(Secret::new(text)));
        Store::over(world.folder.path(), Arc::new(world.storage(&settings)))
    };
    lock(&with("correct horse battery")).establish(&identity(), &SeededEntropy::new(1)).unwrap();
    assert!(with("correct horse battery").snapshot().unwrap().is_some());
    assert!(matches!(with("correct horse batterz").snapshot(), Err(StateError::WrongKey(_))));
    for bad in [Key::Passphrase(Secret::new("short")), Key::Bytes(Secret::new("AAAA")), Key::Bytes(Secret::new("ä"))] {
        assert!(matches!(RemoteStorage::new(settings(bad)), Err(StateError::Key(_))));
    }
    let mut file: Json = serde_json::from_slice(&world.all()["key.json"]).unwrap();
    file["scrypt"]["logN"] = 30.into();
    world.put("key.json", file.to_string().into_bytes());
    assert!(matches!(with("correct horse battery").snapshot(), Err(StateError::Key(_))), "it is not tried");
}

#[test]
fn damage_is_told_and_a_backup_is_put_in_place_by_force_only() {
    let world = World::new();
    let store = world.store();
    let locked = lock(&store);
    begin(&locked);
    locked.finish().unwrap();
    locked.amend(|snapshot| _ = snapshot.facts.insert("x".into(), "y".into())).unwrap();
    drop(locked);
    let head = world.all()["head"].clone();
    let flipped = |place: usize| {
        let mut bytes = head.clone();
        let place = place.min(bytes.len() - 1);
        bytes[place] ^= 1;
        bytes
    };
    let lock_object = world.all()["lock"].clone();
    for damaged in [flipped(12), flipped(usize::MAX), head[..head.len() / 2].to_vec(), Vec::new(), lock_object] {
        world.put("head", damaged);
        let error = store.snapshot().unwrap_err();
        let StateError::Damaged { path, backup: Some(backup), .. } = &error else { panic!("{error:?}") };
        assert!(path.ends_with("some/prefix/head") && backup.to_string_lossy().contains("backups/"), "{error}");
        assert!(error.help().contains("engine state pull --backup"), "{}", error.help());
        assert!(matches!(try_lock(&store), Err(StateError::Damaged { .. })));
        let backup = store.backup().unwrap().unwrap();
        let repair = store.lock_to_repair("state push", &FixedClock(AT), &Environment::default()).unwrap();
        repair.push(backup.clone(), true).unwrap();
        assert_eq!(store.snapshot().unwrap(), Some(backup));
    }
    let mut newer = br#"{"format":9,"generation":1,"nonce":""}"#.to_vec();
    newer.push(b'\n');
    world.put("head", newer);
    assert!(matches!(store.snapshot(), Err(StateError::NewerFormat { format: 9, .. })));
}

#[test]
fn a_journal_with_a_gap_or_with_swapped_objects_is_damaged() {
    let world = World::new();
    let store = world.store();
    let locked = lock(&store);
    let mut journal = begin(&locked);
    for _ in 0..3 {
        journal.append(vec![ended(false)]).unwrap();
    }
    let all = world.all();
    let names: Vec<&String> = all.keys().filter(|name| name.contains("/journal/")).collect();
    assert_eq!(names.len(), 4);
    let is_damaged = || matches!(store.snapshot(), Err(StateError::Damaged { .. }));
    assert!(!is_damaged());
    world.remove(names[1]);
    assert!(is_damaged());
    world.put(names[1], all[names[2]].clone());
    assert!(is_damaged(), "an object under another's name");
    world.put(names[1], all[names[1]].clone());
    assert!(!is_damaged());
}

#[test]
fn a_write_whose_answer_was_lost_is_known_for_ones_own() {
    let world = World::new();
    let storage = world.storage(&settings(key(1)));
    let objects = storage.objects.clone();
    let twice = objects.clone();
    let versions = objects
        .wait(async move {
            let first = twice.create("x", b"one".to_vec()).await?.unwrap();
            let again = twice.create("x", b"one".to_vec()).await?;
            let other = twice.create("x", b"two".to_vec()).await?;
            let swapped = twice.swap("x", b"three".to_vec(), &first).await?;
            let swapped_again = twice.swap("x", b"three".to_vec(), &first).await?;
            let late = twice.swap("x", b"four".to_vec(), &first).await?;
            Ok((again == Some(first), other, swapped == swapped_again, late))
        })
        .unwrap();
    assert_eq!(versions, (true, None, true, None));
}

#[test]
fn files_come_into_the_folder_unless_somebody_changed_them_there() {
    let world = World::new();
    let machines = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let on = |machine: usize| world.store().in_folder(machines[machine].path());
    let read = |machine: usize, name: &str| std::fs::read_to_string(machines[machine].path().join(name)).ok();
    let keep = |text: &str| {
        let mut files = Files::default();
        for (name, text) in [("apimodel.json", text), ("ca.key", "key"), ("azuredeploy.json", "large")] {
            files.private(name, text);
        }
        files.write(machines[0].path()).unwrap();
        lock(&on(0)).keep_files(&files).unwrap();
    };
    keep("one");
    assert_eq!(Link::read(machines[0].path()).unwrap().unwrap().address, "azblob://account/container/some/prefix");
    assert_eq!(on(1).fetch_files().unwrap().len(), 2);
    assert_eq!((read(1, "apimodel.json").as_deref(), read(1, "azuredeploy.json")), (Some("one"), None));
    assert!(on(1).fetch_files().unwrap().is_empty());
    keep("two");
    assert_eq!(on(1).fetch_files().unwrap(), [Path::new("apimodel.json")]);
    // Changed here only: left alone. Changed here and there: told.
    std::fs::write(machines[1].path().join("apimodel.json"), "mine").unwrap();
    assert!(on(1).fetch_files().unwrap().is_empty());
    keep("three");
    std::fs::remove_file(machines[1].path().join("ca.key")).unwrap();
    assert!(matches!(on(1).fetch_files(), Err(StateError::BothChanged(path)) if path.ends_with("apimodel.json")));
    assert_eq!((read(1, "apimodel.json").as_deref(), read(1, "ca.key")), (Some("mine"), None), "nothing was written");
}

#[test]
fn addresses_are_read_and_written_alike_and_bad_ones_refused() {
    for text in ["azblob://account/container/a/b", "azblob://account/container", "s3://bucket/x", "gs://bucket/x.y-z"] {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(format!("{text}/").parse::<Address>().unwrap(), address);
    }
    for text in [
        "",
        "azblob",
        "azblob://",
        "azblob://account",
        "s3:///x",
        "ftp://host/x",
        "s3://bucket/a//b",
        "s3://bucket/../b",
        "s3://key:secret@bucket/x",
        "azblob://account/container/x?sig=secret",
        "gs://bucket/a b",
    ] {
        assert!(matches!(text.parse::<Address>(), Err(StateError::Address { .. })), "{text}");
    }
}

#[test]
fn each_provider_is_reached_with_what_the_environment_says() {
    let environment = Environment::of([
        ("AZURE_STORAGE_KEY", "AAAA"),
        ("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:10000/account"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
        (
            "GOOGLE_SERVICE_ACCOUNT_KEY",
            r#"{"private_key":"","private_key_id":"","client_email":"","gcs_base_url":"http://localhost:1","disable_oauth":true}"#,
        ),
    ]);
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (text, name) in [
        ("azblob://account/container/x", "MicrosoftAzure"),
        ("s3://bucket/x", "AmazonS3"),
        ("gs://bucket/x", "GoogleCloudStorage"),
    ] {
        let store = text.parse::<Address>().unwrap().connect(&environment, &[]).unwrap();
        assert!(store.to_string().contains(name), "{store}");
        assert!(!store.to_string().contains("secret"));
    }
    let bad = Environment::of([("AZURE_STORAGE_KEY", "not base64!")]);
    assert!("azblob://account/container/x".parse::<Address>().unwrap().connect(&bad, &[]).is_err());
}

#[test]
fn a_snapshot_has_at_most_ten_backups() {
    let world = World::new();
    let store = world.store();
    let locked = lock(&store);
    locked.establish(&identity(), &SeededEntropy::new(1)).unwrap();
    for number in 0..15 {
        locked.amend(|snapshot: &mut Snapshot| _ = snapshot.facts.insert("n".into(), number.to_string())).unwrap();
    }
    assert_eq!(world.all().keys().filter(|name| name.starts_with("backups/")).count(), 10);
    assert_eq!((facts(&store)["n"].as_str(), store.backup().unwrap().unwrap().facts["n"].as_str()), ("14", "13"));
}
