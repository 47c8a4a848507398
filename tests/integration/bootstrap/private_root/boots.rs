//! What has to hold whenever machines boot: at once, cut off at any moment, made anew, a year later.

use super::*;

const TOKEN: &str = "abcdef.0123456789abcdef";
const RENEWED: &str = "fedcba.9876543210fedcba";

/// A world in which the first machine has started its cluster.
fn started(world: &World) -> Machine<'_> {
    let first = world.master(&control_plane(Start::Init, 45), 0);
    first.succeed();
    first
}

/// Three control-plane machines and a worker boot at the same moment. The machine that starts the cluster is not the
/// first to be ready, and etcd takes one new member at a time.
#[test]
fn three_control_plane_machines_and_a_worker_boot_at_once() {
    let Some(world) = World::new() else { return };
    let data = control_plane(Start::Init, 45);
    let masters: Vec<Machine> = (0..3).map(|index| world.master(&data, index)).collect();
    let worker = world.worker(&worker(TOKEN, 45), 0);
    let everyone: Vec<&Machine> = masters.iter().chain([&worker]).collect();
    let mut booting: Vec<(&Machine, Child)> =
        everyone.iter().rev().map(|machine| (*machine, machine.start())).collect();
    all_succeed(&booting, Duration::from_secs(120));
    booting.iter_mut().for_each(|(_, child)| drop(child.wait()));

    world.assert_sound();
    let count = |call: &str| everyone.iter().map(|machine| machine.count(call)).collect::<Vec<usize>>();
    assert_eq!(count("kubeadm init --config"), [1, 0, 0, 0]);
    assert_eq!(everyone.iter().map(|machine| machine.joins()).collect::<Vec<usize>>(), [0, 1, 1, 1]);
    assert_eq!(count("kubeadm reset"), [0, 0, 0, 0]);
    let names = ["k8s-master-12345678-0", "k8s-master-12345678-1", "k8s-master-12345678-2"];
    assert_eq!(world.names("members"), names);
    assert_eq!(world.names("nodes"), ["k8s-linuxpool-12345678-0", names[0], names[1], names[2]]);
    // One join ended before the other began, and each had the lease.
    let joins = world.lines("joins");
    assert_eq!(joins.len(), 4, "{joins:?}");
    let [first, second] = [0, 2].map(|at| joins[at].split(' ').next().unwrap().to_owned());
    assert_ne!(first, second);
    assert_eq!(joins[1], format!("{first} ends"));
    assert_eq!(joins[3], format!("{second} ends"));
    assert!(!world.path("lease").exists(), "the lease is not given back");
    assert!(world.lines("holders").contains(&first) && world.lines("holders").contains(&second));
    for machine in &masters[1..] {
        // While joining, the name led to somebody else; afterwards to the machine itself.
        let own = machine.read("/own/address");
        assert!(!machine.read("/own/hosts-while-joining").contains(&format!("{own} demo.")), "{}", machine.name);
        assert!(machine.read("/etc/hosts").contains(&format!("{own} demo.")), "{}", machine.name);
    }
    for machine in &everyone {
        assert!(!machine.log().contains(TOKEN), "{} logs the token", machine.name);
    }
    for path in ["/etc/engine", "/opt/engine", "/var/lib/engine", "/own", "/stand-ins"] {
        assert!(is_absent(path), "{path} of the host was made");
    }
}

/// That the world would tell: with an API server that gives the lease to everybody, joins do meet in etcd.
#[test]
fn without_the_lease_the_joins_would_meet() {
    let Some(world) = World::new() else { return };
    drop(started(&world));
    std::fs::write(world.path("careless"), "").unwrap();
    let data = control_plane(Start::Join, 45);
    let machines = [1, 2].map(|index| world.master(&data, index));
    let mut booting: Vec<(&Machine, Child)> = machines.iter().map(|machine| (machine, machine.start())).collect();
    all_succeed(&booting, Duration::from_secs(120));
    booting.iter_mut().for_each(|(_, child)| drop(child.wait()));
    let violations = world.lines("violations");
    assert!(violations.iter().any(|line| line.ends_with("joins etcd while another one does")), "{violations:?}");
}

/// The power goes at the end of each step, just before it is written down, and at the next boot just after. The machine
/// goes on at just that step, then at the next, and nothing that was written down is done again.
fn cut_at_each_step(what: &str, begin: impl Fn(&World), machine: impl for<'a> Fn(&'a World) -> Machine<'a>) {
    let steps = {
        let Some(world) = World::new() else { return };
        begin(&world);
        let machine = machine(&world);
        machine.succeed();
        machine.done()
    };
    assert!(steps.len() >= 7, "{steps:?}");
    let world = World::new().unwrap();
    begin(&world);
    let machine = machine(&world);
    let cuts: Vec<String> =
        steps.iter().flat_map(|step| ["before", "after"].map(|when| format!("{when} {step}\n"))).collect();
    machine.write("/own/cuts", &cuts.concat());
    for (index, cut) in cuts.iter().enumerate() {
        let about = format!("{what}, cut {}", cut.trim());
        assert_eq!(machine.boot(), serde_json::Value::Null, "{about}: {}", machine.told());
        assert_eq!(machine.read("/own/cuts"), cuts[index + 1..].concat(), "{about}: it went on elsewhere");
        let mut expected = steps[..index.div_ceil(2)].to_vec();
        expected.sort();
        assert_eq!(names_in(&machine.path("/var/lib/engine/steps")), expected, "{about}");
    }
    machine.succeed();
    world.assert_sound();
    assert_eq!(machine.done(), Vec::<String>::new(), "a step that was cut is written to the log as done");
    assert_eq!(machine.count("swapoff"), 2, "the first step was cut once before it was written down");
    assert_eq!(machine.count("kubeadm reset"), 0);
    assert!(machine.joins() <= 1, "a member joined again");
    println!("{what}: {} cuts over {}", cuts.len(), steps.join(" "));
}

#[test]
fn the_first_machine_survives_a_cut_at_each_step() {
    cut_at_each_step("first control-plane machine", |_| (), |world| world.master(&control_plane(Start::Init, 45), 0));
}

#[test]
fn a_joining_machine_survives_a_cut_at_each_step() {
    cut_at_each_step(
        "joining control-plane machine",
        |world| drop(started(world)),
        |world| world.master(&control_plane(Start::Join, 45), 1),
    );
}

#[test]
fn a_worker_survives_a_cut_at_each_step() {
    cut_at_each_step("worker", |world| drop(started(world)), |world| world.worker(&worker(TOKEN, 45), 0));
}

/// The first machine is made anew, with an empty disk and with its old one. Its former self is forgotten, it joins, and
/// it starts no cluster, whatever it was told.
#[test]
fn the_first_machine_made_anew_joins() {
    let Some(world) = World::new() else { return };
    drop(started(&world));
    world.master(&control_plane(Start::Join, 45), 1).succeed();
    // The machine is gone, and with it its API server. What the cluster knows of it stays.
    std::fs::remove_file(world.path("healthy/10.255.255.5")).unwrap();

    let told_to_start = world.master(&control_plane(Start::Init, 0), 0);
    let (step, cause) = told_to_start.fail();
    assert_eq!(step, "init");
    assert_eq!(
        cause,
        "a control plane of this cluster already answers at 10.255.255.6, but this machine is told to start one: it has \
         to join"
    );

    for keeps_disk in [false, true] {
        let anew = world.master(&control_plane(Start::Join, 45), 0);
        if keeps_disk {
            anew.write("/own/formatted", "");
            anew.write("/var/lib/etcddisk/etcd/member/cluster", "old");
        }
        anew.succeed();
        world.assert_sound();
        assert_eq!((anew.count("kubeadm init --config"), anew.joins()), (0, 1));
        assert!(anew.log().contains("former self as a member, removing it"), "{}", anew.told());
        assert_eq!(anew.path("/var/lib/etcddisk/etcd.previous/member/cluster").exists(), keeps_disk);
        assert_eq!(anew.count("mkfs.ext4"), usize::from(!keeps_disk));
        assert_eq!(world.names("members"), ["k8s-master-12345678-0", "k8s-master-12345678-1"]);
        assert_eq!(world.lines("nodes/k8s-master-12345678-0"), ["control-plane"]);
        std::fs::remove_file(world.path("healthy/10.255.255.5")).unwrap();
    }
}

/// A year later the token is long dead. A worker with the old customData says so, never guesses, and leaves nothing;
/// one whose customData holds the renewed token joins.
#[test]
fn a_worker_is_added_a_year_later() {
    const YEAR: &str = "31536000";
    let Some(world) = World::new() else { return };
    drop(started(&world));
    let old = world.worker(&worker(TOKEN, 0), 7);
    old.write("/own/clock", YEAR);
    let (step, cause) = old.fail();
    assert_eq!(step, "join");
    assert_eq!(
        cause,
        "joining the cluster: no success within 0 minutes: error execution phase preflight: couldn't validate the \
         identity of the API Server: token [token]: Unauthorized"
    );
    assert!(!old.log().contains(TOKEN) && !old.read("/var/lib/engine/result.json").contains(TOKEN));
    let year: i64 = old.read("/own/year-of-joining").trim().parse().unwrap();
    assert!(year > jiff::Timestamp::now().to_string()[..4].parse().unwrap(), "kubeadm's clock is not a year ahead");

    let now = jiff::Timestamp::now().as_second();
    std::fs::write(world.path("tokens").join(RENEWED), format!("{}\n", now + 31_536_000 + 4 * 3600)).unwrap();
    let new = world.worker(&worker(RENEWED, 45), 8);
    new.write("/own/clock", YEAR);
    new.succeed();
    assert_eq!(new.joins(), 1);
    assert!(new.read("/own/join.yaml").contains("kubeConfigPath: /etc/engine/kubeadm/discovery.yaml"));
    // The machine that failed becomes a node by its new customData alone.
    old.give(&worker(RENEWED, 45));
    old.succeed();
    world.assert_sound();
    assert_eq!(world.names("nodes").len(), 3);
}

/// Another cluster's API server under the same name is not trusted.
#[test]
fn a_stranger_is_not_joined() {
    let Some(world) = World::new() else { return };
    drop(started(&world));
    std::fs::write(world.path("ca.crt"), "another authority").unwrap();
    let (step, cause) = world.worker(&worker(TOKEN, 0), 0).fail();
    assert_eq!(step, "join");
    assert!(cause.starts_with("joining the cluster: no success within 0 minutes"), "{cause}");
}

/// A machine died while etcd waited for it, or its attempt failed: etcd takes no second learner, so the next one that joins takes
/// it out.
#[test]
fn what_an_attempt_left_in_etcd_holds_nobody_up() {
    let Some(world) = World::new() else { return };
    drop(started(&world));
    std::fs::create_dir(world.path("learner")).unwrap();
    std::fs::write(world.path("learner/k8s-master-12345678-2"), "10.255.255.7\n").unwrap();
    let machine = world.master(&control_plane(Start::Join, 45), 1);
    // It goes on five times, and is cleaned then.
    machine.write("/own/busy", "6");
    machine.succeed();
    world.assert_sound();
    let told =
        "join: etcd still waits for https://10.255.255.7:2380, whose attempt to join came to nothing, removing it";
    assert_eq!(machine.log().matches(told).count(), 1, "{}", machine.told());
    assert_eq!(machine.log().matches("this machine's former self as a member, removing it").count(), 1);
    assert_eq!(
        [machine.joins(), machine.count("kubeadm join phase etcd-join"), machine.count("kubeadm reset")],
        [1, 5, 1]
    );
    assert!(!world.path("learner").exists());
    assert_eq!(world.names("members").len(), 2);
}

/// kubeadm does not wait for an etcd that is busy, and leaves a member behind that is on its way: the join goes on from there.
#[test]
fn a_join_goes_on_after_a_busy_etcd() {
    let Some(world) = World::new() else { return };
    drop(started(&world));
    let machine = world.master(&control_plane(Start::Join, 45), 1);
    machine.write("/own/busy", "3");
    machine.succeed();
    world.assert_sound();
    assert_eq!(
        [machine.joins(), machine.count("kubeadm join phase etcd-join"), machine.count("kubeadm reset")],
        [1, 3, 0]
    );
    let told = "join: etcd failed after this machine was announced to etcd, going on from there (3)";
    assert!(machine.log().contains(told), "{}", machine.told());
    assert_eq!(world.names("members"), ["k8s-master-12345678-0", "k8s-master-12345678-1"]);
    assert_eq!(world.lines("nodes/k8s-master-12345678-1"), ["control-plane"]);
}

/// Where etcd cannot be told, nothing is cleaned up: a member without its data would cost the cluster its majority.
#[test]
fn a_machine_that_cannot_leave_etcd_is_not_reset() {
    let Some(world) = World::new() else { return };
    drop(started(&world));
    let machine = world.master(&control_plane(Start::Join, 0), 1);
    machine.write("/own/half", "");
    machine.write("/own/fail", "curl *:2379/v3/cluster/member/remove*");
    let (step, _) = machine.fail();
    assert_eq!(step, "join");
    assert!(
        machine
            .log()
            .contains("join: failed, and etcd cannot be told that this machine leaves it: nothing is cleaned up")
    );
    assert_eq!((machine.joins(), machine.count("kubeadm reset")), (6, 0));
    // Told at last, it begins anew.
    machine.write("/own/fail", "");
    machine.give(&control_plane(Start::Join, 45));
    machine.succeed();
    world.assert_sound();
    assert_eq!(world.names("members").len(), 2);
}

/// A join that failed is cleaned before the next; a machine that has joined, whatever kubeadm said, is never reset.
#[test]
fn failed_joins_are_cleaned_and_members_are_not() {
    let Some(world) = World::new() else { return };
    drop(started(&world));
    let half = world.master(&control_plane(Start::Join, 45), 1);
    half.write("/own/half", "");
    half.succeed();
    // It is gone on with five times first.
    assert_eq!((half.joins(), half.count("kubeadm reset")), (7, 1));
    assert!(half.log().contains("join: failed, cleaning up before the next attempt"));
    let late = world.master(&control_plane(Start::Join, 45), 2);
    late.write("/own/late", "");
    late.succeed();
    assert_eq!((late.joins(), late.count("kubeadm reset")), (1, 0));
    assert!(late.log().contains("join: kubeadm failed after the node had joined"));
    let worker = world.worker(&worker(TOKEN, 45), 0);
    worker.write("/own/half", "");
    worker.succeed();
    assert_eq!((worker.joins(), worker.count("kubeadm reset")), (2, 1));
    world.assert_sound();
    assert_eq!(world.names("members").len(), 3);
}
