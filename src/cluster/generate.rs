//! `generate`: everything a deployment needs as files, under the names that aks-engine's users know.

use std::collections::BTreeMap;

use super::definition::nowhere;
use super::{ClusterError, Definition};
use crate::arm::{Emission, emit};
use crate::base::{Files, Secret};
use crate::bootstrap::LONGEST_APPENDED;
use crate::expand::{Instruction, PRINCIPAL_SECRET_HANDLE, expand, instructions, outputs};
use crate::graph::{Lookup, Reference};
use crate::model::CustomFile;

/// The files, and what is worth knowing about them.
pub struct Artifacts {
    /// The files, relative to the cluster's folder.
    pub files: Files,
    /// How many resources the template makes.
    pub resources: usize,
    /// What somebody else has to do besides, as people read it.
    pub notes: Vec<String>,
    /// The length of each pool's customData in base64 characters.
    pub custom_data: BTreeMap<String, usize>,
}

/// Which files, and how they look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Form<'a> {
    /// The resource group that is meant, where it is not the one of the cluster's name.
    pub resource_group: Option<&'a str>,
    /// Neither `apimodel.json` nor the template is among them.
    pub parameters_only: bool,
    /// The template and its parameters have no indentation. They say the same.
    pub compact: bool,
}

/// Makes the files of a cluster.
///
/// # Errors
/// What cannot be expanded, or not be said in a template.
pub fn generate(definition: &Definition, form: &Form<'_>) -> Result<Artifacts, ClusterError> {
    let cluster = &definition.cluster;
    let payloads = definition.payloads()?;
    let graph = expand(cluster, &nowhere(cluster), &payloads.payloads)?;
    let api_version = cluster.cloud.api_profile().api_version("Microsoft.Resources/deployments").unwrap_or_default();
    let emission = Emission {
        cluster: &cluster.dns_prefix,
        deployments_api_version: api_version,
        outputs: outputs(cluster),
        secret_lengths: payloads
            .secrets
            .iter()
            .map(|(handle, secret)| (handle.clone(), secret.expose().len()))
            .chain([(PRINCIPAL_SECRET_HANDLE.to_owned(), LONGEST_APPENDED)])
            .collect(),
        in_key_vaults: payloads.in_key_vaults,
    };
    let mut template = emit(&graph, &emission)?;
    template.compact = form.compact;

    let mut files = definition.keys.files();
    if !form.parameters_only {
        files.private("apimodel.json", pretty(&cluster.to_api_model()));
        for (index, file) in cluster.control_plane.custom_files.iter().enumerate() {
            files.private(CustomFile::kept_as(index), file.content.expose());
        }
        files.private("azuredeploy.json", template.text());
    }
    let parameters = template.parameters_file(&SecretsOnly(&payloads.secrets))?;
    files.private("azuredeploy.parameters.json", parameters.expose());
    let server = definition.server();
    let kubeconfig = definition.keys.kubeconfig(&cluster.dns_prefix, &server);
    files.private(format!("kubeconfig/kubeconfig.{}.json", cluster.location), kubeconfig.expose());
    if let Some(sign_in) = &cluster.sign_in {
        let who = [&*sign_in.tenant_id, &*sign_in.server_app_id, &*sign_in.client_app_id];
        let authority = &definition.keys.cluster_ca.certificate;
        let environment = cluster.cloud.facts().environment;
        let text = crate::pki::sign_in_kubeconfig(&cluster.dns_prefix, &server, authority, environment, who);
        files.private(format!("kubeconfig/kubeconfig.{}.sign-in.json", cluster.location), text);
    }
    let notes = instructions(cluster, form.resource_group.unwrap_or(&cluster.dns_prefix));
    let notes = notes.iter().map(Instruction::lines).collect();
    Ok(Artifacts { files, resources: graph.len() - 1, notes, custom_data: payloads.lengths })
}

/// JSON as people edit it, with a newline at the end.
pub(super) fn pretty(json: &serde_json::Value) -> String {
    let mut text = serde_json::to_string_pretty(json).unwrap_or_default();
    text.push('\n');
    text
}

/// Secrets by handle, and nothing else.
pub(super) struct SecretsOnly<'a>(pub &'a BTreeMap<String, Secret>);

impl Lookup for SecretsOnly<'_> {
    fn attribute(&self, _: &Reference, _: Option<u32>) -> Option<serde_json::Value> {
        None
    }

    fn secret(&self, handle: &str) -> Option<Secret> {
        self.0.get(handle).cloned()
    }
}
