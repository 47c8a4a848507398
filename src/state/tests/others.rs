//! Others who want the state: a lock taken away, a state pushed, a file that was never renamed.

use super::*;

#[test]
fn a_lock_is_taken_away_by_its_id_only_and_its_holder_writes_nothing_more() {
    let place = Place::new();
    assert!(matches!(place.store.unlock("any"), Err(StateError::NotLocked(_))));
    let locked = place.begin(&two(), &[began(&two())]);
    let mut journal = locked.resume().unwrap();
    let StateError::Held { holder } = place.try_lock().unwrap_err() else { panic!() };
    assert!(place.try_lock().unwrap_err().help().contains(&format!("engine unlock {}", holder.id)));
    let StateError::OtherLock { holder: told, .. } = place.store.unlock("other").unwrap_err() else { panic!() };
    assert_eq!((told, place.store.holder().unwrap()), (holder.clone(), Some((*holder).clone())));

    assert_eq!(place.store.unlock(&holder.id).unwrap(), *holder);
    let second = place.lock();
    let before = std::fs::read(place.file("journal.jsonl")).unwrap();
    let error = locked.amend(|_| ()).unwrap_err();
    assert!(matches!(&error, StateError::Lost { holder: Some(now), .. } if now.id != holder.id), "{error}");
    assert!(journal.append(vec![ended(true)]).is_err());
    assert!(locked.finish().is_err() && locked.begin(&two(), &secrets(), &[], &place.entropy).is_err());
    assert_eq!(std::fs::read(place.file("journal.jsonl")).unwrap(), before);
    drop(locked);
    // Nor does its end free the lock of the one after it.
    assert!(place.try_lock().is_err());
    second.finish().unwrap();
}

#[test]
fn a_state_is_pushed_over_an_older_one_of_its_lineage_only() {
    let place = Place::new();
    let locked = place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a"), ended(true)]);
    locked.finish().unwrap();
    let first = place.snapshot();
    let file = place.folder.path().join("pulled.json");
    first.export(&file).unwrap();
    assert_eq!(Snapshot::import(&file).unwrap(), first);
    assert_eq!(Snapshot::import(&place.file("state.json")).unwrap(), first, "its own form");
    assert_eq!(locked.push(first.clone(), false).unwrap(), first, "the same again is nothing");
    let second = locked.amend(|snapshot| _ = snapshot.facts.insert("x".into(), "y".into())).unwrap();

    let refused = |given: &Snapshot| locked.push(given.clone(), false).unwrap_err();
    assert!(matches!(refused(&first), StateError::OlderSerial { known: 2, given: 1, .. }));
    let same = Snapshot { facts: Default::default(), ..second.clone() };
    assert!(matches!(refused(&same), StateError::SameSerial { serial: 2, .. }));
    let other = Snapshot { lineage: "other".into(), serial: 9, ..first.clone() };
    assert!(matches!(refused(&other), StateError::OtherLineage { .. }));
    assert_eq!(place.snapshot(), second);

    let newer = Snapshot { serial: 3, ..first.clone() };
    assert_eq!(locked.push(newer.clone(), false).unwrap(), newer);
    // Forced over a newer one it gets a serial of its own.
    let forced = locked.push(first.clone(), true).unwrap();
    assert_eq!((forced.serial, place.snapshot()), (4, forced.clone()));
    locked.push(other.clone(), true).unwrap();
    assert_eq!(place.snapshot().lineage, "other");

    let mut journal = locked.begin(&two(), &secrets(), &[], &place.entropy).unwrap();
    journal.append(vec![began(&two()), finished(ChangeKind::Create, "b")]).unwrap();
    let newest = Snapshot { serial: 20, ..place.snapshot() };
    assert!(matches!(locked.push(newest.clone(), false), Err(StateError::RunThere(_))));
    locked.push(newest.clone(), true).unwrap();
    assert!(locked.unfinished::<Plan>().unwrap().is_none());
    assert_eq!(place.snapshot(), newest);
}

#[test]
fn a_damaged_state_is_replaced_by_force_and_its_whole_backup_stays() {
    let place = Place::new();
    let locked = place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a"), ended(true)]);
    locked.finish().unwrap();
    drop(locked);
    let backup = place.store.backup().unwrap().unwrap();
    for damage in [&b"\xff\xfe"[..], b"{}"] {
        std::fs::write(place.file("state.json"), damage).unwrap();
        let environment = Environment::default();
        assert!(matches!(place.store.snapshot(), Err(StateError::Damaged { .. })));
        let locked = place.store.lock_to_repair("state push", &FixedClock(AT), &environment).unwrap();
        assert!(matches!(locked.push(backup.clone(), false), Err(StateError::Damaged { .. })));
        assert_eq!(locked.push(backup.clone(), true).unwrap(), backup);
        assert_eq!((place.snapshot(), place.store.backup().unwrap().unwrap()), (backup.clone(), backup.clone()));
    }
}

/// What a power cut leaves between the writing of a file and its renaming: the old file, and the new one beside it.
#[test]
fn a_rename_that_never_came_leaves_the_old_state() {
    let place = Place::new();
    let locked = place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a"), ended(true)]);
    let first = locked.finish().unwrap();
    let old = std::fs::read(place.file("state.json")).unwrap();
    let second = locked.amend(|snapshot| _ = snapshot.facts.insert("x".into(), "y".into())).unwrap();
    drop(locked);
    let new = std::fs::read(place.file("state.json")).unwrap();
    // The new one whole, torn, and empty.
    for content in [&new[..], &new[..new.len() / 2], b""] {
        std::fs::write(place.file("state.json"), &old).unwrap();
        std::fs::write(place.file(".engine-aBc1"), content).unwrap();
        assert_eq!(place.snapshot(), first);
        let locked = place.lock();
        assert_eq!(locked.amend(|snapshot| _ = snapshot.facts.insert("x".into(), "y".into())).unwrap(), second);
        assert!(!place.file(".engine-aBc1").exists(), "it is put away");
    }
    // Of a run that begins the plan is renamed last: without it there is no run.
    let locked = place.begin(&two(), &[began(&two()), finished(ChangeKind::Create, "a")]);
    drop(locked);
    std::fs::rename(place.file("plan.json"), place.file(".engine-Plan")).unwrap();
    assert!(place.store.unfinished::<Plan>().unwrap().is_none());
    assert_eq!(place.lock().snapshot().unwrap().unwrap(), second);
}
