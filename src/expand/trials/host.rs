//! What machines are told of themselves below Kubernetes.

use super::*;

#[test]
fn a_script_of_the_users_own_reaches_the_machines_that_name_it_only() {
    let cluster = cluster(json!({
        "extensionProfiles": [{ "name": "hello", "version": "v1", "script": "bin/hello.sh", "rootURL": "https://a.example/",
            "urlQuery": "k=1", "extensionParameters": "handed" }],
        "agentPoolProfiles": [
            { "name": "one", "count": 1, "vmSize": "Standard_D2s_v5", "preProvisionExtension": { "name": "hello" } },
            { "name": "two", "count": 1, "vmSize": "Standard_D2s_v5" },
        ],
    }));
    let told = |pool: usize| super::machine_settings::node_settings(&cluster, &cluster.pools[pool]).host.extension;
    let extension = told(0).unwrap();
    assert_eq!((&*extension.name, &*extension.file), ("hello", "hello.sh"));
    assert_eq!(extension.url.expose(), "https://a.example/extensions/hello/v1/bin/hello.sh?k=1");
    assert_eq!(extension.parameters.expose(), "handed");
    assert_eq!(told(1), None);
}
