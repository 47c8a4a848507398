//! The kubelet's flags as its configuration: what the kubelet wants in its file goes there, as a patch that kubeadm puts
//! over the cluster's configuration on each machine; the rest stays a flag.
//!
//! Source: <https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/> and
//! <https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/> for 1.35, read 2026-11-25.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The form of a value in the configuration.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    Flag,
    /// Separated by commas.
    List,
    /// Pairs separated by commas, each name from its value by this letter.
    Pairs(char),
    /// Pairs of a name and true or false.
    Switches,
}

/// The flags that the configuration has a field for: flag, field (with its groups), form.
const FIELDS: &[(&str, &str, Form)] = &[
    ("address", "address", Form::Text),
    ("anonymous-auth", "authentication.anonymous.enabled", Form::Flag),
    ("authentication-token-webhook", "authentication.webhook.enabled", Form::Flag),
    ("authentication-token-webhook-cache-ttl", "authentication.webhook.cacheTTL", Form::Text),
    ("authorization-mode", "authorization.mode", Form::Text),
    ("cgroup-driver", "cgroupDriver", Form::Text),
    ("cgroups-per-qos", "cgroupsPerQOS", Form::Flag),
    ("cluster-dns", "clusterDNS", Form::List),
    ("cluster-domain", "clusterDomain", Form::Text),
    ("container-log-max-files", "containerLogMaxFiles", Form::Number),
    ("container-log-max-size", "containerLogMaxSize", Form::Text),
    ("cpu-cfs-quota", "cpuCFSQuota", Form::Flag),
    ("cpu-manager-policy", "cpuManagerPolicy", Form::Text),
    ("enable-controller-attach-detach", "enableControllerAttachDetach", Form::Flag),
    ("enable-debugging-handlers", "enableDebuggingHandlers", Form::Flag),
    ("enforce-node-allocatable", "enforceNodeAllocatable", Form::List),
    ("event-burst", "eventBurst", Form::Number),
    ("event-qps", "eventRecordQPS", Form::Number),
    ("eviction-hard", "evictionHard", Form::Pairs('<')),
    ("eviction-max-pod-grace-period", "evictionMaxPodGracePeriod", Form::Number),
    ("eviction-minimum-reclaim", "evictionMinimumReclaim", Form::Pairs('=')),
    ("eviction-pressure-transition-period", "evictionPressureTransitionPeriod", Form::Text),
    ("eviction-soft", "evictionSoft", Form::Pairs('<')),
    ("eviction-soft-grace-period", "evictionSoftGracePeriod", Form::Pairs('=')),
    ("fail-swap-on", "failSwapOn", Form::Flag),
    ("feature-gates", "featureGates", Form::Switches),
    ("file-check-frequency", "fileCheckFrequency", Form::Text),
    ("hairpin-mode", "hairpinMode", Form::Text),
    ("healthz-bind-address", "healthzBindAddress", Form::Text),
    ("healthz-port", "healthzPort", Form::Number),
    ("image-gc-high-threshold", "imageGCHighThresholdPercent", Form::Number),
    ("image-gc-low-threshold", "imageGCLowThresholdPercent", Form::Number),
    ("kube-api-burst", "kubeAPIBurst", Form::Number),
    ("kube-api-qps", "kubeAPIQPS", Form::Number),
    ("kube-reserved", "kubeReserved", Form::Pairs('=')),
    ("kube-reserved-cgroup", "kubeReservedCgroup", Form::Text),
    ("make-iptables-util-chains", "makeIPTablesUtilChains", Form::Flag),
    ("max-open-files", "maxOpenFiles", Form::Number),
    ("max-pods", "maxPods", Form::Number),
    ("minimum-image-ttl-duration", "imageMinimumGCAge", Form::Text),
    ("node-status-update-frequency", "nodeStatusUpdateFrequency", Form::Text),
    ("oom-score-adj", "oomScoreAdj", Form::Number),
    ("pod-manifest-path", "staticPodPath", Form::Text),
    ("pod-max-pids", "podPidsLimit", Form::Number),
    ("pods-per-core", "podsPerCore", Form::Number),
    ("port", "port", Form::Number),
    ("protect-kernel-defaults", "protectKernelDefaults", Form::Flag),
    ("read-only-port", "readOnlyPort", Form::Number),
    ("registry-burst", "registryBurst", Form::Number),
    ("registry-qps", "registryPullQPS", Form::Number),
    ("resolv-conf", "resolvConf", Form::Text),
    ("rotate-certificates", "rotateCertificates", Form::Flag),
    ("rotate-server-certificates", "serverTLSBootstrap", Form::Flag),
    ("runtime-request-timeout", "runtimeRequestTimeout", Form::Text),
    ("serialize-image-pulls", "serializeImagePulls", Form::Flag),
    ("streaming-connection-idle-timeout", "streamingConnectionIdleTimeout", Form::Text),
    ("sync-frequency", "syncFrequency", Form::Text),
    ("system-reserved", "systemReserved", Form::Pairs('=')),
    ("system-reserved-cgroup", "systemReservedCgroup", Form::Text),
    ("tls-cipher-suites", "tlsCipherSuites", Form::List),
    ("tls-min-version", "tlsMinVersion", Form::Text),
    ("topology-manager-policy", "topologyManagerPolicy", Form::Text),
    ("topology-manager-scope", "topologyManagerScope", Form::Text),
    ("volume-stats-agg-period", "volumeStatsAggPeriod", Form::Text),
];

/// The value in the configuration's form; `None` if it is not of that form, and stays with the flag, whose kubelet says
/// what is wrong.
fn value(form: Form, text: &str) -> Option<Value> {
    let items = || text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let pairs = |letter: char| items().map(move |item| item.split_once(letter)).collect::<Option<Vec<_>>>();
    match form {
        Form::Text => Some(text.into()),
        Form::Number => text.parse::<i64>().ok().map(Value::from),
        Form::Flag => text.parse::<bool>().ok().map(Value::from),
        Form::List => Some(items().map(Value::from).collect()),
        Form::Pairs(letter) => {
            let pairs = pairs(letter)?;
            Some(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>().into())
        }
        Form::Switches => {
            let switches = pairs('=')?
                .into_iter()
                .map(|(name, value)| value.parse::<bool>().ok().map(|value| (name.to_owned(), Value::from(value))));
            Some(switches.collect::<Option<Map<_, _>>>()?.into())
        }
    }
}

/// Parts arguments without dashes into a patch of the configuration (JSON) and what stays a flag.
pub(super) fn split<'a>(arguments: BTreeMap<&'a str, &'a str>) -> (String, BTreeMap<&'a str, &'a str>) {
    let mut patch = Map::new();
    let mut flags = BTreeMap::new();
    for (name, text) in arguments {
        let field = FIELDS.iter().find(|(flag, ..)| *flag == name);
        match field.and_then(|(_, path, form)| Some((path, value(*form, text)?))) {
            Some((path, value)) => put(&mut patch, path, value),
            None => {
                flags.insert(name, text);
            }
        }
    }
    (Value::Object(patch).to_string(), flags)
}

fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), value);
        }
        Some((group, rest)) => {
            let group = object.entry(group).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(members) = group {
                put(members, rest, value);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use super::*;

    #[test]
    fn flags_become_fields_of_their_form() {
        let given = BTreeMap::from([
            ("anonymous-auth", "false"),
            ("authorization-mode", "Webhook"),
            ("eviction-hard", "memory.available<750Mi,nodefs.available<10%"),
            ("feature-gates", "One=true,Two=false"),
            ("max-pods", "110"),
            ("node-ip", "10.0.0.4"),
            ("read-only-port", "none"),
            ("system-reserved", "cpu=100m,memory=1Gi"),
            ("tls-cipher-suites", "A,B"),
        ]);
        let (patch, flags) = split(given);
        let expected = serde_json::json!({
            "authentication": { "anonymous": { "enabled": false } },
            "authorization": { "mode": "Webhook" },
            "evictionHard": { "memory.available": "750Mi", "nodefs.available": "10%" },
            "featureGates": { "One": true, "Two": false },
            "maxPods": 110,
            "systemReserved": { "cpu": "100m", "memory": "1Gi" },
            "tlsCipherSuites": ["A", "B"],
        });
        assert_eq!(serde_json::from_str::<Value>(&patch).unwrap(), expected);
        // What has no field, or not the form of its field, stays a flag.
        assert_eq!(flags, BTreeMap::from([("node-ip", "10.0.0.4"), ("read-only-port", "none")]));
    }

    #[test]
    fn each_flag_stands_once() {
        assert!(FIELDS.is_sorted_by(|left, right| left.0 < right.0));
    }
}
