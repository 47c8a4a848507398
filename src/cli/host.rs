//! A host on-prem, looked at and judged: for `doctor` and for `host init`.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::preflight::render_findings;
use super::{Call, Exit, libvirt};
use crate::base::{Clock as _, SystemClock};
use crate::cluster::{Finding, HostDemand, HostOfUri, HostView, Verdict, host_of_uri, judge_host};
use crate::contract::TargetName;
use crate::image::{KERNEL, images_folder, scan};
use crate::target::libvirt::host::{HostHypervisor, LocalHost, SurveyScope, probe, survey};

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// How the host is reached.
    pub uri: &'a str,
    /// The storage pool.
    pub pool: &'a str,
    /// The image's volume.
    pub image: &'a str,
    /// The folder that the image comes from, if it is not in the pool.
    pub image_folder: Option<&'a Path>,
    /// The kernel that a probe starts, if neither of both has one.
    pub kernel: Option<&'a Path>,
    /// The resource group whose machines are the cluster's own; empty for none.
    pub group: &'a str,
    /// What the machines need.
    pub demand: Option<&'a HostDemand>,
    /// Whether a machine is started to see whether its kernel comes up.
    pub probes: bool,
}

/// Looks and judges. Nothing is changed; a probe leaves nothing behind.
pub fn look(call: &Call, hypervisor: &dyn HostHypervisor, question: &Question<'_>) -> Vec<Finding> {
    let Question { uri, pool, image, image_folder, kernel, group, demand, probes } = *question;
    let is_here = host_of_uri(uri) == HostOfUri::Here;
    let local = is_here.then(|| LocalHost::look(Path::new("/"), call.environment.get("PATH")));
    let seen = survey(hypervisor, SurveyScope { pool, image, group }, local);
    let emulates = demand.is_some_and(|demand| demand.slow_host);
    let offers = seen.offer.as_ref().is_ok_and(|offer| offer.kvm);
    // Without KVM there is nothing to prove, unless the model means to do without.
    let probed = (probes && (offers || emulates)).then(|| {
        call.output.note("A machine without a disk starts, to see whether its kernel comes up …\n");
        let of_image = image_folder.map(|folder| folder.join(KERNEL));
        probe(hypervisor, pool, image, of_image.as_deref().or(kernel), !emulates, SystemClock.now())
    });
    judge_host(&HostView { uri, pool, image, image_folder, survey: &seen, demand, probed: probed.as_ref() })
}

/// The kernel of the newest image of this machine: where no cluster says which it will be, it is as good as any to see one
/// come up.
pub fn newest_kernel(call: &Call) -> Option<PathBuf> {
    let images = scan(&images_folder(None, &call.environment)).ok()?;
    images.into_iter().find_map(|(_, image)| Some(image.ok()?.file(KERNEL)))
}

/// Looks at each of several hosts, which share what is demanded. One that does not answer is bad, and the others are looked
/// at all the same.
pub fn look_at_each(call: &Call, hosts: &[(&str, &str)], question: &Question<'_>) -> Vec<OneOfSeveral> {
    let look_at_one = |(place, (name, uri)): (usize, &(&str, &str))| {
        let share = question.demand.map(|demand| demand.share(place, hosts.len()));
        let findings = match libvirt::open_host(uri) {
            Ok(hypervisor) => look(call, &*hypervisor, &Question { uri, demand: share.as_ref(), ..*question }),
            Err(error) => vec![Finding::new("libvirt", Verdict::Bad, error.message, &error.help.unwrap_or_default())],
        };
        OneOfSeveral { name: (*name).to_owned(), uri: (*uri).to_owned(), findings }
    };
    hosts.iter().enumerate().map(look_at_one).collect()
}

/// What was found on one of several hosts.
pub struct OneOfSeveral {
    /// Its name in the model.
    pub name: String,
    /// How it is reached.
    pub uri: String,
    /// What was found.
    pub findings: Vec<Finding>,
}

fn is_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Bad)
}

/// Tells data with more beside it.
fn tell_data(call: &Call, mut data: Json, more: &Json) {
    if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
        data.extend(more.clone());
    }
    call.output.data(&data);
}

/// Tells what was found on several hosts, with more data beside it, and gives the exit code.
pub fn tell_of_several(call: &Call, hosts: &[OneOfSeveral], more: &Json) -> Exit {
    let style = call.output.style;
    let ok = hosts.iter().all(|host| is_good(&host.findings));
    let each = |host: &OneOfSeveral| json!({ "name": host.name, "uri": host.uri, "findings": host.findings, "ok": is_good(&host.findings) });
    let data = json!({
        "format": 1, "target": TargetName::Libvirt.word(), "simulated": false,
        "hosts": hosts.iter().map(each).collect::<Vec<_>>(), "ok": ok,
    });
    tell_data(call, data, more);
    for OneOfSeveral { name, uri, findings } in hosts {
        let title = style.strong(&format!("{name}, {uri}"));
        call.output.text(&format!("{title}\n{}", render_findings(findings, style)));
    }
    if ok { Exit::Success } else { Exit::Environment }
}

/// Tells what was found, with more data beside it, and gives the exit code.
pub fn tell(call: &Call, uri: &str, findings: &[Finding], more: &Json) -> Exit {
    let ok = is_good(findings);
    let data = json!({
        "format": 1, "target": TargetName::Libvirt.word(), "simulated": false, "uri": uri, "findings": findings,
        "ok": ok,
    });
    tell_data(call, data, more);
    let style = call.output.style;
    call.output.text(&format!("{}\n{}", style.strong(uri), render_findings(findings, style)));
    if ok { Exit::Success } else { Exit::Environment }
}
