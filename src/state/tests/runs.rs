//! Runs: begun, interrupted, taken up, put away; and what a power cut or damage leaves of them.

use super::*;

#[test]
fn a_run_is_found_as_it_was_left() {
    let place = Place::new();
    let plan = two();
    let records = every_kind_of_record(&plan);
    drop(place.begin(&plan, &records));
    let found = place.lock().unfinished::<Plan>().unwrap().unwrap();
    assert_eq!(found.plan, plan);
    assert_eq!(found.digest, digest(&serde_json::to_vec(&plan).unwrap()), "the plan's own digest");
    assert_eq!(found.secrets, secrets());
    assert_eq!(found.records, records);
}

#[test]
fn only_the_owner_may_read_it() {
    let place = Place::new();
    let _locked = place.begin(&two(), &[began(&two())]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.store.place()), 0o700);
    for name in ["state.json", "plan.json", "journal.jsonl", "secrets.json", "facts.json", "lock"] {
        assert_eq!(mode(&place.file(name)), 0o600, "{name}");
    }
    for name in ["state.json", "plan.json", "journal.jsonl"] {
        assert!(!std::fs::read_to_string(place.file(name)).unwrap().contains("canary"), "{name}");
    }
    for name in ["state.json", "plan.json", "secrets.json"] {
        let text = std::fs::read_to_string(place.file(name)).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{name} is plain JSON");
    }
}

#[test]
fn what_a_run_has_done_is_seen_while_it_runs_and_after_it_was_killed() {
    let place = Place::new();
    let locked = place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a")]);
    assert_eq!(place.names(), ["a"]);
    drop(locked);
    assert_eq!(place.names(), ["a"]);
    assert_eq!(place.snapshot().serial, 0, "nothing was written");
}

#[test]
fn a_run_that_ends_is_folded_and_leaves_nothing() {
    let place = Place::new();
    let plan = plan(&[(ChangeKind::Create, "a"), (ChangeKind::Delete, "b"), (ChangeKind::Update, "c")]);
    let first = self::plan(&[(ChangeKind::Create, "b"), (ChangeKind::Create, "c")]);
    let records = [began(&first), finished(ChangeKind::Create, "b"), finished(ChangeKind::Create, "c"), ended(true)];
    place.begin(&first, &records).finish().unwrap();
    let locked = place.begin(
        &plan,
        &[
            began(&plan),
            finished(ChangeKind::Create, "a"),
            finished(ChangeKind::Delete, "b"),
            finished(ChangeKind::Update, "c"),
            ended(true),
        ],
    );
    let snapshot = locked.finish().unwrap();
    assert_eq!(snapshot, place.snapshot());
    assert_eq!(place.names(), ["a", "c"]);
    assert_eq!(snapshot.serial, 2);
    for name in ["plan.json", "journal.jsonl", "secrets.json", "facts.json"] {
        assert!(!place.file(name).exists(), "{name}");
    }
    assert!(place.file("state.json.backup").exists());
    assert!(locked.unfinished::<Plan>().unwrap().is_none());
    assert_eq!(locked.finish().unwrap(), snapshot, "a second time changes nothing");
}

#[test]
fn a_milestone_counts_from_the_record_on_even_if_the_run_is_killed() {
    let place = Place::new();
    drop(place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a")]));
    assert!(place.snapshot().facts.is_empty());
    let locked = place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "b")]);
    drop(locked);
    assert_eq!(place.snapshot().facts["started"], "sha256:1");
    assert_eq!(place.lock().finish().unwrap().facts["started"], "sha256:1");
}

#[test]
fn a_resource_that_is_replaced_is_there_afterwards() {
    let place = Place::new();
    let plan = plan(&[(ChangeKind::Delete, "a"), (ChangeKind::Create, "a")]);
    let records = [began(&plan), finished(ChangeKind::Delete, "a"), finished(ChangeKind::Create, "a")];
    place.begin(&plan, &records).finish().unwrap();
    assert_eq!(place.names(), ["a"]);
}

#[test]
fn a_power_cut_while_a_run_is_put_away_loses_nothing_and_counts_nothing_twice() {
    // Each file that goes, with those that go after it still there.
    let names = ["plan.json", "secrets.json", "facts.json", "journal.jsonl"];
    for gone in 0..=names.len() {
        let place = Place::new();
        let locked = place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a"), ended(false)]);
        let kept: Vec<_> = names.iter().map(|name| std::fs::read(place.file(name)).unwrap()).collect();
        locked.finish().unwrap();
        drop(locked);
        for (name, content) in names.iter().zip(kept).skip(gone) {
            std::fs::write(place.file(name), content).unwrap();
        }
        assert_eq!(place.names(), ["a"], "seen without a lock");
        assert!(place.store.unfinished::<Plan>().unwrap().is_none(), "{gone}");
        let locked = place.lock();
        for name in names {
            assert!(!place.file(name).exists(), "{gone}: {name}");
        }
        assert_eq!(locked.finish().unwrap().serial, 1);
    }
}

#[test]
fn a_run_that_ended_well_is_put_away_by_the_next_command() {
    let place = Place::new();
    drop(place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a"), ended(true)]));
    let locked = place.lock();
    assert!(locked.unfinished::<Plan>().unwrap().is_none());
    assert_eq!((place.names(), place.snapshot().serial), (vec!["a".to_owned()], 1));
}

#[test]
fn a_run_that_never_began_is_forgotten() {
    let place = Place::new();
    drop(place.begin(&two(), &[]));
    std::fs::remove_file(place.file("plan.json")).unwrap();
    assert!(place.store.unfinished::<Plan>().unwrap().is_none());
    drop(place.lock());
    assert!(!place.file("secrets.json").exists());
}

#[test]
fn a_new_run_gives_the_interrupted_one_up_and_keeps_what_it_did() {
    let place = Place::new();
    drop(place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a")]));
    let next = plan(&[(ChangeKind::Create, "c")]);
    let locked = place.begin(&next, &[began(&next)]);
    assert_eq!(place.names(), ["a"]);
    assert_eq!(locked.unfinished::<Plan>().unwrap().unwrap().plan, next);
}

#[test]
fn a_torn_last_line_is_dropped_wherever_it_is_torn() {
    let plan = two();
    let records = every_kind_of_record(&plan);
    for (keep, place) in (0..records.len()).map(|keep| (keep, Place::new())) {
        drop(place.begin(&plan, &records[..=keep]));
        let path = place.file("journal.jsonl");
        let whole = std::fs::read(&path).unwrap();
        let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for length in (last..whole.len()).step_by(9) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let found = place.store.unfinished::<Plan>().unwrap().unwrap();
            assert_eq!(found.records, records[..keep], "{length} of {}", whole.len());
        }
        // Going on after a torn line begins a line of its own.
        std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
        let locked = place.lock();
        locked.resume().unwrap().append(vec![began(&plan), ended(false)]).unwrap();
        let found = locked.unfinished::<Plan>().unwrap().unwrap();
        assert_eq!(found.records.len(), keep + 2);
        assert_eq!(found.records.last(), Some(&ended(false)));
    }
}

#[test]
fn damage_within_the_journal_is_told_and_nothing_is_guessed() {
    let plan = two();
    let place = Place::new();
    drop(place.begin(&plan, &every_kind_of_record(&plan)));
    let path = place.file("journal.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let mut without = lines.clone();
    without.remove(3);
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    let changed = whole.replacen("intended", "Intended", 1);
    for (damaged, line) in [(without.join("\n") + "\n", 4), (swapped.join("\n") + "\n", 3), (changed, 3)] {
        std::fs::write(&path, damaged).unwrap();
        let error = place.try_lock().unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(&format!("line {line} ")), "{error}");
        assert!(place.store.snapshot().is_err());
    }
}

#[test]
fn a_damaged_snapshot_names_the_backup_if_that_is_whole() {
    let place = Place::new();
    let locked = place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a"), ended(true)]);
    locked.finish().unwrap();
    let path = place.file("state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for damaged in
        [text.replace("virtualNetworks", "virtualNetwurks"), text[..text.len() / 2].to_owned(), String::new()]
    {
        std::fs::write(&path, damaged).unwrap();
        let error = place.store.snapshot().unwrap_err();
        let StateError::Damaged { backup: Some(backup), .. } = &error else { panic!("{error:?}") };
        assert!(backup.ends_with("state.json.backup"));
        assert!(error.help().contains("state.json.backup"), "{}", error.help());
    }
    std::fs::write(place.file("state.json.backup"), "{}").unwrap();
    let error = place.store.snapshot().unwrap_err();
    assert!(matches!(error, StateError::Damaged { backup: None, .. }), "{error:?}");
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let place = Place::new();
    drop(place.begin(&two(), &[began(&two())]));
    for (name, text) in [
        ("journal.jsonl", "{\"format\":2,\"run\":\"x\"}\n"),
        ("plan.json", "{\"format\":3,\"other\":true}"),
        ("state.json", "{\"format\":4}"),
    ] {
        std::fs::write(place.file(name), text).unwrap();
        let error = place.store.snapshot().unwrap_err();
        assert!(matches!(&error, StateError::NewerFormat { path, .. } if path.ends_with(name)), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn the_second_to_ask_learns_who_holds_the_lock_and_gets_it_afterwards() {
    let place = Place::new();
    let locked = place.lock();
    let error = place.try_lock().unwrap_err();
    let StateError::Held { holder } = &error else { panic!("{error:?}") };
    assert_eq!((holder.verb.as_str(), holder.who.as_str(), holder.pid), ("deploy", "ada", std::process::id()));
    assert_eq!(holder.since, AT);
    assert!(error.to_string().contains("1970-01-01T00:00:00Z"), "{error}");
    drop(locked);
    place.lock();
}

#[test]
fn a_state_is_of_one_cluster() {
    let place = Place::new();
    let locked = place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a")]);
    let first = locked.finish().unwrap();
    assert_eq!(locked.establish(&identity("RG"), &place.entropy).unwrap(), first);
    let error = locked.establish(&identity("other"), &place.entropy).unwrap_err();
    assert!(matches!(error, StateError::Elsewhere { .. }), "{error}");
    locked.amend(|snapshot| snapshot.applied.clear()).unwrap();
    let second = locked.establish(&identity("other"), &place.entropy).unwrap();
    assert_ne!(second.lineage, first.lineage);
    assert_eq!(second.identity.scope.resource_group, "other");
}

#[test]
fn facts_are_kept_with_a_new_serial() {
    let place = Place::new();
    assert!(matches!(place.lock().amend(|_| ()), Err(StateError::Absent(_))));
    let locked = place.lock();
    locked.establish(&identity("rg"), &place.entropy).unwrap();
    locked.amend(|snapshot| _ = snapshot.facts.insert("ca".into(), "sha256:1".into())).unwrap();
    assert_eq!((place.snapshot().facts["ca"].as_str(), place.snapshot().serial), ("sha256:1", 1));
}

#[test]
fn without_a_run_there_is_nothing_to_resume() {
    let place = Place::new();
    assert!(matches!(place.lock().resume(), Err(StateError::NothingToResume(_))));
    assert!(place.store.snapshot().unwrap().is_none());
    assert_eq!(place.entropy.uuid().get_version_num(), 4);
    assert!(place.folder.path().join("state").is_dir());
}

#[test]
fn a_journal_that_failed_takes_nothing_more() {
    let place = Place::new();
    let locked = place.begin(&two(), &[began(&two())]);
    let text = std::fs::read_to_string(place.file("journal.jsonl")).unwrap();
    let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let path = place.file("journal.jsonl");
    let mut journal = journal::JournalFile::resume(&path, header["run"].as_str().unwrap()).unwrap();
    journal.break_for_test();
    assert!(journal.append(vec![ended(true)]).is_err());
    assert!(journal.append(vec![ended(true)]).is_err());
    assert_eq!(locked.unfinished::<Plan>().unwrap().unwrap().records.len(), 1);
}

#[cfg(debug_assertions)]
#[test]
fn a_journal_holds_at_the_record_that_was_asked() {
    let place = Place::new();
    let locked = place.begin(&two(), &[]);
    let mut journal = locked.resume().unwrap().hold_after(Some(2));
    // The thread never returns, as wanted; it ends with the process.
    std::thread::spawn(move || {
        journal.append(vec![began(&two())]).unwrap();
        journal.append(vec![finished(ChangeKind::Create, "a"), finished(ChangeKind::Create, "b")]).unwrap();
    });
    let records = || place.store.unfinished::<Plan>().unwrap().unwrap().records.len();
    while records() < 2 {
        std::thread::yield_now();
    }
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert_eq!(records(), 2);
}
