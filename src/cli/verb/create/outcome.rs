//! What came of it all: as data, and for people with what can be done next.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::Arguments;
use super::site::Site;
use super::steps::Steps;
use crate::cli::verb::run::tell_ways;
use crate::cli::{Call, Exit};
use crate::cluster::KubeconfigEntry;
use crate::contract::TargetName;
use crate::kubernetes::NodeStatus;
use crate::model::Cluster;
use crate::view::{harmless, seconds};

/// What came of it.
pub struct Outcome<'a> {
    /// What was asked for.
    pub arguments: &'a Arguments,
    /// Where.
    pub site: &'a Site,
    /// The kubeconfig.
    pub file: &'a Path,
    /// How it ended.
    pub exit: Exit,
    /// The deployment, as data.
    pub run: Json,
    /// The nodes, once they are Ready.
    pub nodes: Vec<NodeStatus>,
    /// What the kubeconfig has, once it has it.
    pub entry: Option<KubeconfigEntry>,
}

impl Outcome<'_> {
    /// As data.
    pub fn as_json(&self, steps: &Steps<'_>) -> Json {
        let node = |node: &NodeStatus| json!({ "name": node.name, "ready": node.ready, "version": node.version });
        json!({
            "format": 1,
            "cluster": self.arguments.name,
            "target": self.site.target.word(),
            "simulated": self.site.target == TargetName::Simulator,
            "folder": self.site.folder.display().to_string(),
            "complete": self.entry.is_some(),
            "exitCode": self.exit.code(),
            "seconds": steps.took().as_secs_f64(),
            "steps": steps.as_json(),
            "run": self.run,
            "nodes": self.nodes.iter().map(node).collect::<Vec<_>>(),
            "kubeconfig": self.entry.as_ref().map(|entry| json!({
                "file": self.file.display().to_string(),
                "context": entry.name,
                "server": entry.server,
                "tlsServerName": entry.tls_server_name,
            })),
        })
    }

    /// Tells that the cluster is there, and what can be done with it.
    pub fn tell(&self, call: &Call, cluster: &Cluster, steps: &Steps<'_>) {
        let (name, folder) = (&self.arguments.name, self.site.folder.display());
        let is_simulated = self.site.target == TargetName::Simulator;
        let mark = if is_simulated { " (SIMULATED)" } else { "" };
        call.output.text(&format!(
            "\n{} {}: {} nodes with Kubernetes {}, in {}{mark}\n",
            call.output.style.good("Ready."),
            harmless(name),
            self.nodes.len(),
            cluster.kubernetes_version,
            seconds(steps.took())
        ));
        let options = &self.arguments.kubeconfig;
        let kubectl = if options.no_merge || options.kubeconfig.is_some() {
            format!("kubectl --kubeconfig {} --context {name} get nodes", self.file.display())
        } else {
            format!("kubectl --context {name} get nodes")
        };
        let mut ways = Vec::new();
        if is_simulated {
            let own = self.site.folder.join("simulator");
            let simulator = self.arguments.place.simulator.as_deref().unwrap_or(&own);
            let command = format!("engine simulate {}", simulator.display());
            ways.push((command, "its API server answers as long as this runs"));
        }
        let more = cluster.pools.iter().fold(1_u32, |sum, pool| sum.saturating_add(pool.count));
        ways.extend([
            (kubectl, "the nodes"),
            (format!("engine status -o {folder}"), "what there is, and how the nodes are"),
            (format!("engine scale -o {folder} --new-node-count {more}"), "another number of worker machines"),
            (format!("engine destroy -o {folder}"), "delete everything again, the context included"),
        ]);
        let ways: Vec<(String, String)> =
            ways.into_iter().map(|(command, what_for)| (command, what_for.to_owned())).collect();
        tell_ways(call, &ways);
    }
}
