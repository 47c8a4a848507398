//! Containers of add-ons: that there are such, and that Kubernetes takes what is said of them.

use crate::base::{Diagnostic, closest};
use crate::catalog::{AddOnContainers, ContainerName, add_on_containers, is_image_of_aks_engine};

use super::super::findings::Findings;
use super::super::input::{AddonContainerInput, AddonInput};

/// Judges the containers of one add-on at `root`.
pub(super) fn judge(addon: &AddonInput, root: &str, findings: &mut Findings) {
    let add_on = addon.name.as_deref().unwrap_or_default();
    // Of an add-on that is not installed there is another word.
    let Some(known) = add_on_containers(add_on) else { return };
    let mut named = Vec::new();
    for (index, container) in addon.containers.iter().flatten().enumerate() {
        let root = format!("{root}/containers/{index}");
        if let Some(name) = name(known, container, &root, findings) {
            if named.contains(&name) {
                let message = format!("container \"{name}\" of add-on \"{add_on}\" stands here a second time");
                let fault = Diagnostic::error("addon-container", format!("{root}/name"), message);
                findings.judge(&[], fault.help("name each container once"));
            }
            named.push(name);
            image(container, &root, findings);
            resources(container, &root, findings);
        }
    }
}

/// The container that is meant.
fn name(
    known: &AddOnContainers,
    container: &AddonContainerInput,
    root: &str,
    findings: &mut Findings,
) -> Option<&'static str> {
    let given = container.name.as_deref().unwrap_or_default();
    let pointer = format!("{root}/name");
    match known.container(given) {
        ContainerName::Known(name) => return Some(name),
        ContainerName::Gone => {
            let message = format!("add-on \"{}\" has no container \"{given}\" any more", known.add_on);
            let warning = Diagnostic::warning("no-effect", pointer, message);
            findings.judge(&[], warning.help("leave it out to be rid of this warning"));
        }
        ContainerName::Unknown => {
            let message = format!("add-on \"{}\" has no container \"{given}\"", known.add_on);
            let fault = Diagnostic::error("addon-container", pointer, message);
            let help = match closest(given, known.containers.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("write one of {}", known.containers.join(", ")),
            };
            findings.judge(&[], fault.help(help));
        }
    }
    None
}

fn image(container: &AddonContainerInput, root: &str, findings: &mut Findings) {
    let Some(image) = container.image.as_deref().filter(|image| !image.is_empty()) else { return };
    let pointer = format!("{root}/image");
    // No more than keeps what is plainly none out of a manifest; whether there is such an image, only a registry knows.
    let is_reference = image.chars().all(|letter| letter.is_ascii_alphanumeric() || "./:@-_".contains(letter))
        && image.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if !is_reference {
        let fault = Diagnostic::error("addon-container", pointer, format!("\"{image}\" is no image"));
        findings.judge(&[], fault.help("write registry/repository:tag"));
    } else if is_image_of_aks_engine(image) {
        let message = format!("{image} is aks-engine's own of its time; the engine takes today's");
        let warning = Diagnostic::warning("addon-image-inherited", pointer, message);
        findings.judge(&[], warning.help("leave it out, or name an image of a registry that is still kept"));
    }
}

fn resources(container: &AddonContainerInput, root: &str, findings: &mut Findings) {
    for (resource, request, limit, example) in [
        ("cpu", &container.cpu_requests, &container.cpu_limits, "100m"),
        ("memory", &container.memory_requests, &container.memory_limits, "128Mi"),
    ] {
        let mut amounts = [None, None];
        for (place, (text, suffix)) in [(request, "Requests"), (limit, "Limits")].into_iter().enumerate() {
            let Some(text) = text.as_deref().filter(|text| !text.is_empty()) else { continue };
            amounts[place] = quantity(text);
            if amounts[place].is_none() {
                let pointer = format!("{root}/{resource}{suffix}");
                let fault =
                    Diagnostic::error("addon-resources", pointer, format!("\"{text}\" is no amount of {resource}"));
                findings.judge(&[], fault.help(format!("write one such as {example}")));
            }
        }
        if let [Some(asked), Some(most)] = amounts
            && asked > most
        {
            let message = format!("the container asks for more {resource} than it may use");
            let fault = Diagnostic::error("addon-resources", format!("{root}/{resource}Requests"), message);
            let limit = format!("{root}/{resource}Limits");
            findings.judge(&[&limit], fault.help(format!("write no more than {resource}Limits, or leave that out")));
        }
    }
}

/// A quantity of Kubernetes in thousandths: digits, perhaps a fraction, and a unit.
fn quantity(text: &str) -> Option<u128> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let binary = |power: u32| Some(1_000 * 1024_u128.pow(power));
    let thousandths = match unit {
        "m" => Some(1),
        "" => Some(1_000),
        "k" => Some(1_000_000),
        "M" => Some(1_000_000_000),
        "G" => Some(1_000_000_000_000),
        "T" => Some(1_000_000_000_000_000),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        _ => None,
    }?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.len() <= 12 && text.chars().all(|letter| letter.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || number.ends_with('.') {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    Some((whole * scale + fraction) * thousandths / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for (text, thousandths) in [
            ("100m", 100),
            ("1", 1_000),
            ("0.5", 500),
            ("1.5k", 1_500_000),
            ("128Mi", 1_000 * 128 * 1024 * 1024),
            ("0", 0),
        ] {
            assert_eq!(quantity(text), Some(thousandths), "{text}");
        }
        for text in ["", "m", "1x", "-1", "1.", ".5", "1..5", "1 Gi", "9999999999999", "1e3", "١"] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }
}
