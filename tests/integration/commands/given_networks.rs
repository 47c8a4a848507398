//! What a network's owner has to do stands in what the verbs print.

use super::{Place, model};

const CUSTOM: &str = "apimodels/custom-vnet.json";
const ATTACH: &str = "\n  az network vnet subnet update --ids ";
const ROLE: &str = "\n  az role assignment create --role \"Network Contributor\" ";

#[test]
fn generate_and_plan_print_the_commands_for_the_networks_owner() {
    let place = Place::new();
    let folder = place.cluster();
    let folder = folder.to_str().unwrap();
    let model = model(CUSTOM);
    let kubenet = "orchestratorProfile.kubernetesConfig.networkPlugin=kubenet";
    let common = [model.as_str(), "--set", kubenet, "-o", folder, "-g", "mine"];

    let text = place.expect(0, &[&["generate"][..], &common].concat());
    assert!(text.contains("note: ") && text.contains(ATTACH) && text.contains(ROLE), "{text}");
    assert!(text.contains("--resource-group mine --name k8s-master-"), "{text}");
    let notes = place.json(&[&["generate"][..], &common].concat())["notes"].clone();
    assert_eq!(notes.as_array().unwrap().len(), 2);

    let plan = [&["plan", "--target", "simulator"][..], &common].concat();
    let text = place.expect(0, &plan);
    assert!(text.contains("note: ") && text.contains(ATTACH) && text.contains(ROLE), "{text}");
    assert_eq!(place.json(&plan)["notes"], notes, "the same words");

    // Deploy shows its plan on standard error; here the network that the model names is not there.
    let deploy = [&["deploy", "--target", "simulator", "--time-scale", "0"][..], &common].concat();
    let output = place.engine(&deploy);
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(shown.contains(ATTACH) && shown.contains(ROLE), "{shown}");
    assert!(!output.status.success(), "{shown}");
}

#[test]
fn nobody_is_told_anything_about_a_network_of_the_engines_own() {
    let place = Place::new();
    let folder = place.cluster();
    let arguments = ["generate", &model("apimodels/kubenet.json"), "-o", folder.to_str().unwrap()];
    let text = place.expect(0, &arguments);
    assert!(!text.contains("note: "), "{text}");
    assert_eq!(place.json(&arguments)["notes"], serde_json::json!([]));
}
