//! What is particular about single types of resources.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by a panic")]

use super::*;
use crate::target::libvirt::hypervisor::{ErrorKind, HypervisorError};

#[tokio::test]
async fn a_write_with_an_old_version_is_refused_and_rules_change_in_force() {
    let place = Place::new();
    place.make().await;
    let (address, mut body) = place.resources().swap_remove(1);
    let etag = place.target.observe(&address).await.unwrap().unwrap().etag.unwrap();
    body["properties"]["securityRules"][0]["properties"]["destinationPortRange"] = json!("6443");
    place.target.apply(&address, &body, Some(&etag)).await.unwrap();
    let filter = place.hypervisor.things().filters["engine-rg-nsg.engine-rg-vnet"].clone();
    assert!(filter.contains("dstportstart='6443'") && !filter.contains("dstportstart='443'"), "{filter}");
    let fault = place.target.apply(&address, &body, Some(&etag)).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Conflict);
}

#[tokio::test]
async fn addresses_are_given_once_and_stay() {
    let place = Place::new();
    place.make().await;
    let (_, body) = place.resources().swap_remove(6);
    let address = |seen: &Observation, index: usize| {
        seen.body["properties"]["ipConfigurations"][index]["properties"]["privateIPAddress"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = place.seen(INTERFACE, "nic-0").await.unwrap();
    assert_eq!((address(&first, 0), address(&first, 1)), ("10.255.255.5".into(), "10.240.0.4".into()));
    let second = place.address(INTERFACE, "nic-1");
    let fault = place.apply(&second, &body).await.unwrap_err();
    assert!(fault.class == FaultClass::Invalid && fault.message.contains("another's"), "{fault}");
    let mut own = body.clone();
    own["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] = Json::Null;
    place.apply(&second, &own).await.unwrap();
    let seen = place.seen(INTERFACE, "nic-1").await.unwrap();
    assert_eq!((address(&seen, 0), address(&seen, 1)), ("10.240.0.5".into(), "10.240.0.6".into()));
    place.apply(&second, &own).await.unwrap();
    assert_eq!(address(&place.seen(INTERFACE, "nic-1").await.unwrap(), 1), "10.240.0.6");
    let outside = json!("192.168.0.9");
    own["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] = outside;
    assert_eq!(place.apply(&second, &own).await.unwrap_err().class, FaultClass::Invalid);
}

#[tokio::test]
async fn an_extension_runs_its_command_on_the_machine() {
    let place = Place::new();
    place.make().await;
    let address = place.address(EXTENSION, "vm-0/cse");
    let body = |command: &str| json!({ "properties": { "type": "CustomScript", "settings": {}, "protectedSettings": { "commandToExecute": command } } });
    let fault = place.apply(&address, &body("wait")).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::NotYet, "the agent does not answer yet");
    place.hypervisor.agent(|domain, command| {
        assert_eq!(domain, "engine-rg-vm-0");
        Ok(if command.contains("\"guest-exec\"") {
            let process = if command.contains("canary-bad") { 8 } else { 7 };
            format!("{{\"return\": {{\"pid\": {process}}}}}")
        } else if command.contains("\"pid\":8") {
            "{\"return\": {\"exited\": true, \"exitcode\": 3, \"err-data\": \"bm8gZGlzaw==\"}}".to_owned()
        } else {
            "{\"return\": {\"exited\": true, \"exitcode\": 0, \"out-data\": \"ZG9uZQ==\"}}".to_owned()
        })
    });
    let operation = running(place.apply(&address, &body("wait")).await.unwrap());
    let Progress::Done(Some(seen)) = place.target.poll(&operation).await.unwrap() else { panic!("it has ended") };
    assert_eq!(seen.body["properties"]["instanceView"]["substatuses"][0]["message"], "done");
    // What ended well is not run again; another command is.
    assert!(matches!(place.apply(&address, &body("wait")).await.unwrap(), Progress::Done(Some(_))));
    let operation = running(place.apply(&address, &body("canary-bad")).await.unwrap());
    let fault = place.target.poll(&operation).await.unwrap_err();
    assert!(fault.message.contains("ended with 3: no disk"), "{fault}");
    assert!(!place.seen(EXTENSION, "vm-0/cse").await.unwrap().body.to_string().contains("canary-bad"));
}

#[tokio::test]
async fn a_script_of_which_the_agent_knows_nothing_more_is_run_again() {
    let place = Place::new();
    place.make().await;
    let address = place.address(EXTENSION, "vm-0/cse");
    let body = json!({ "properties": { "type": "CustomScript", "settings": { "commandToExecute": "wait" } } });
    let agent = |process: i64| {
        place.hypervisor.agent(move |_, command| {
            if command.contains("\"guest-exec\"") {
                Ok(format!("{{\"return\": {{\"pid\": {process}}}}}"))
            } else if command.contains(&format!("\"pid\":{process}")) {
                Ok("{\"return\": {\"exited\": true, \"exitcode\": 0}}".to_owned())
            } else {
                Err(HypervisorError::new(ErrorKind::Failed, "Invalid parameter 'pid'".to_owned()))
            }
        });
    };
    agent(7);
    let operation = running(place.apply(&address, &body).await.unwrap());
    // The machine starts again, and its agent counts anew.
    agent(8);
    assert_eq!(place.target.poll(&operation).await.unwrap_err().class, FaultClass::OperationLost);
    let operation = running(place.apply(&address, &body).await.unwrap());
    assert!(matches!(place.target.poll(&operation).await.unwrap(), Progress::Done(Some(_))));
}

#[tokio::test]
async fn a_machine_that_is_there_keeps_its_disks() {
    let place = Place::new();
    place.make().await;
    let (address, body) = place.resources().into_iter().find(|(address, _)| address.name == "vm-0").unwrap();
    assert!(matches!(place.apply(&address, &body).await.unwrap(), Progress::Done(Some(_))), "nothing has changed");
    let before = place.seen(MACHINE, "vm-0").await.unwrap();
    let disks = "/properties/storageProfile/dataDisks";
    let more = json!({ "name": "data", "lun": 1, "createOption": "Empty", "diskSizeGB": 8 });
    for change in [
        json!([body.pointer(disks).unwrap()[0], more]),
        json!([]),
        json!([{ "name": "etcd", "lun": 0, "createOption": "Empty", "diskSizeGB": 128 }]),
    ] {
        let mut changed = body.clone();
        *changed.pointer_mut(disks).unwrap() = change;
        let fault = place.apply(&address, &changed).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Invalid, "{fault}");
        assert_eq!(place.seen(MACHINE, "vm-0").await.unwrap().body, before.body, "nothing is recorded");
    }
}

#[test]
fn what_cannot_be_made_is_told_with_a_way_out() {
    let place = Place::new();
    assert_eq!(place.target.supports("microsoft.compute/VirtualMachines", VERSION), Support::Yes);
    assert_eq!(place.target.supports("Microsoft.Authorization/roleAssignments", VERSION), Support::Yes);
    for (kind, part) in
        [("Microsoft.Compute/virtualMachineScaleSets", "scale sets"), ("Contoso.Things/things", "no counterpart")]
    {
        let Support::No { reason, help } = place.target.supports(kind, VERSION) else { panic!("{kind}") };
        assert!(reason.contains(part) && !help.is_empty());
    }
}

/// Behind a balancer machines do not see who comes: the gateway lets in whom their security group lets in, and they take its word.
#[tokio::test]
async fn the_gateway_takes_those_whom_the_security_group_lets_in() {
    let place = Place::new();
    place.make().await;
    let told = || -> Vec<Vec<String>> {
        let told = place.gateways.configurations.lock().unwrap()["engine-rg-vnet"].clone();
        let balancer = &told.balancers[0];
        let rules = balancer.rules.iter().chain(&balancer.nat_rules);
        rules.map(|rule| rule.sources.iter().map(ToString::to_string).collect()).collect()
    };
    let public = place.seen(PUBLIC, "ip").await.unwrap();
    let front = public.body["properties"]["ipAddress"].as_str().unwrap();
    let host = format!("{}.1/32", front.rsplit_once('.').unwrap().0);
    // Everybody to the one port; nobody from outside to the other, but from the network and from the host.
    assert_eq!(told(), [Vec::new(), vec!["10.0.0.0/8".to_owned(), host.clone()]]);
    let filter = || place.hypervisor.things().filters["engine-rg-nsg.engine-rg-vnet"].clone();
    for port in ["6443", "22"] {
        let led = format!("srcipaddr='{front}' srcipmask='32' dstportstart='{port}' dstportend='{port}'/>");
        assert!(filter().contains(&led), "{led}\n{}", filter());
    }
    let (group, mut body) = place.resources().swap_remove(1);
    body["properties"]["securityRules"][0]["properties"]["sourceAddressPrefix"] = json!("192.0.2.0/24");
    place.apply(&group, &body).await.unwrap();
    assert_eq!(told()[0], ["10.0.0.0/8", "192.0.2.0/24", &host]);
    let all = json!({ "access": "Deny", "direction": "Inbound", "priority": 90, "protocol": "*", "sourcePortRange": "*",
        "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*" });
    body["properties"]["securityRules"].as_array_mut().unwrap().push(json!({ "name": "none", "properties": all }));
    place.apply(&group, &body).await.unwrap();
    // The host sees after its clusters.
    assert_eq!(told(), [vec!["10.240.0.1/32".to_owned(), host.clone()], vec!["10.240.0.1/32".to_owned(), host]]);
}
