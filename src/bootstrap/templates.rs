//! The only place that knows handlebars: all templates, the helpers that quote for each format, the check of what was
//! rendered.
//!
//! Templates are named by their path below `templates/` without `.hbs`. Every value that can hold more than letters,
//! digits, dots and dashes goes through the helper of its format: `json`, `yaml`, `shell` or `powershell`.

use std::sync::{LazyLock, OnceLock};

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason, Renderable as _, Template,
    handlebars_helper, no_escape,
};
use serde::Serialize;
use serde_json::Value;

use super::BootstrapError;
use super::parse::parse;

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        vec![$(Source {
            name: $name,
            text: include_str!(concat!("../../templates/", $name, ".hbs")),
            parsed: OnceLock::new(),
        }),*]
    };
}

/// A template, which is parsed when it is first rendered: no machine needs them all, and parsing them all takes longer
/// than everything else that makes its files.
struct Source {
    name: &'static str,
    text: &'static str,
    parsed: OnceLock<Result<Template, String>>,
}

impl Source {
    fn template(&self) -> Result<&Template, String> {
        self.parsed.get_or_init(|| parse(self.text)).as_ref().map_err(Clone::clone)
    }
}

/// Every template.
static TEMPLATES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    sources![
        "cloud-init/machine.yaml",
        "scripts/bootstrap.sh",
        "scripts/library.sh",
        "scripts/settings.sh",
        "scripts/steps-node.sh",
        "scripts/steps-control-plane.sh",
        "scripts/steps-key-vault.sh",
        "scripts/steps-worker.sh",
        "scripts/steps-host.sh",
        "scripts/approve-serving.sh",
        "scripts/slow-start.sh",
        "scripts/renew-token.sh",
        "scripts/wait.sh",
        "systemd/engine-bootstrap.service",
        "systemd/engine-network-rules.service",
        "systemd/engine-approve-serving.service",
        "systemd/engine-approve-serving.timer",
        "systemd/engine-renew-token.service",
        "systemd/engine-renew-token.timer",
        "systemd/engine-services.service",
        "systemd/slow-host.conf",
        "network/rules.nft",
        "host/proxy.env",
        "host/audit.rules",
        "host/extension.sh",
        "host/kernel-parameters.conf",
        "host/package-source.sources",
        "containerd/config.toml",
        "cloud/azure.json",
        "kubeadm/cluster.yaml",
        "kubeadm/init.yaml",
        "kubeadm/join.yaml",
        "kubeadm/discovery.yaml",
        "kubeadm/patient.yaml",
        "encryption/configuration.yaml",
        "encryption/plugin.yaml",
        "addons/kube-proxy.yaml",
        "addons/coredns.yaml",
        "addons/cloud-controller-manager.yaml",
        "addons/cloud-node-manager.yaml",
        "addons/disk-driver.yaml",
        "addons/windows.yaml",
        "windows/bootstrap.ps1",
        "windows/settings.ps1",
        "windows/library.ps1",
        "windows/steps-host.ps1",
        "windows/steps-node.ps1",
        "windows/wait.ps1",
        "windows/containerd.toml",
        "windows/join.yaml",
        "windows/azure.conflist",
        "windows/kubenet.conf",
        "addons/file-driver.yaml",
        "addons/storage-classes.yaml",
        "addons/calico.yaml",
        "addons/cilium.yaml",
        "addons/metrics-server.yaml",
        "addons/cluster-autoscaler.yaml",
        "addons/nvidia-device-plugin.yaml",
        "addons/administrators.yaml",
        "addons/node-problem-detector.yaml",
        "addons/proxy.yaml",
        "addons/secrets-store.yaml",
        "addons/flannel.yaml",
        "addons/local-path.yaml",
        "addons/services.yaml",
        "audit/policy.yaml",
        "cloud/registry.json",
        "cloud/registry-provider.yaml",
    ]
});

/// Parts of others, by the names that these have for them.
const PARTS: [(&str, &str); 2] = [
    ("sidecar", include_str!("../../templates/addons/part-sidecar.yaml.hbs")),
    ("way_out", include_str!("../../templates/addons/part-way-out.yaml.hbs")),
];

/// The template by which containerd writes the network configuration once it knows the node's pod range. It is a
/// template of containerd's own (Go), so it is not rendered here.
pub(super) const KUBENET_NETWORK: &str = include_str!("../../templates/network/kubenet.conflist.template");
/// The network configuration of Azure CNI, which has nothing to fill in.
pub(super) const AZURE_NETWORK: &str = include_str!("../../templates/network/azure.conflist");
/// What keeps cloud-init from giving the pods' addresses to the machine (Azure CNI).
pub(super) const AZURE_ADDRESSES: &str = include_str!("../../templates/network/cloud-init-addresses.cfg");

/// What begins with these is in every machine with Linux.
const EVERYWHERE: [&str; 9] = [
    "addons/cloud-",
    "addons/coredns",
    "addons/disk-driver",
    "addons/kube-proxy",
    "cloud-init/",
    "kubeadm/",
    "network/",
    "scripts/",
    "systemd/",
];

/// Parses what every machine with Linux needs, for whoever has to wait for something else first.
pub fn prepare() {
    for source in TEMPLATES.iter().filter(|source| EVERYWHERE.iter().any(|start| source.name.starts_with(start))) {
        // What does not parse is told when it is rendered.
        let _ = source.template();
    }
}

/// The source of each, and of each part.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEMPLATES.iter().map(|source| (source.name, source.text)).chain(PARTS)
}

/// The helpers and the rules for values; of templates it holds the parts of others only.
static REGISTRY: LazyLock<Handlebars<'static>> = LazyLock::new(registry);

fn registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(no_escape);
    registry.register_helper("json", Box::new(json));
    registry.register_helper("yaml", Box::new(yaml));
    registry.register_helper("shell", Box::new(shell));
    registry.register_helper("powershell", Box::new(powershell));
    super::containers::register(&mut registry);
    handlebars_helper!(equal: |left: Value, right: Value| left == right);
    registry.register_helper("equal", Box::new(equal));
    for (name, text) in PARTS {
        // One that does not parse is missing in each template that has it, as the test says before.
        if let Ok(part) = parse(text) {
            registry.register_template(name, part);
        }
    }
    registry
}

/// Renders a template, and refuses a text that shows that something was not rendered as text.
pub(super) fn render(template: &str, data: &impl Serialize) -> Result<String, BootstrapError> {
    let text = assemble(template, data)?;
    match ["[object]", "{{"].into_iter().find(|trace| text.contains(trace)) {
        Some(trace) => Err(BootstrapError::LeftOver { template: template.to_owned(), trace }),
        None => Ok(text),
    }
}

/// Renders a template whose values are whole texts of others, which may hold what [`render`] refuses.
pub(super) fn assemble(template: &str, data: &impl Serialize) -> Result<String, BootstrapError> {
    let failed = |cause: String| BootstrapError::Template { template: template.to_owned(), cause };
    let source = TEMPLATES.iter().find(|source| source.name == template);
    let parsed = source.ok_or_else(|| failed("there is no such template".to_owned()))?.template().map_err(failed)?;
    let values = Context::wraps(data).map_err(|cause| failed(cause.to_string()))?;
    parsed.renders(&REGISTRY, &values, &mut RenderContext::new(None)).map_err(|cause| failed(cause.to_string()))
}

/// The helper's first parameter.
fn parameter<'a>(helper: &'a Helper<'_>) -> Result<&'a Value, RenderErrorReason> {
    parameter_at(helper, 0)
}

/// One of the helper's parameters. Strict mode does not look at parameters, so it is done here.
pub(super) fn parameter_at<'a>(helper: &'a Helper<'_>, index: usize) -> Result<&'a Value, RenderErrorReason> {
    let parameter = helper.param(index).ok_or(RenderErrorReason::ParamNotFoundForIndex("quote", index))?;
    if parameter.is_value_missing() {
        return Err(RenderErrorReason::MissingVariable(parameter.relative_path().cloned()));
    }
    Ok(parameter.value())
}

pub(super) fn text_of(value: &Value) -> Result<String, RenderErrorReason> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(RenderErrorReason::Other("only texts, numbers and flags can be quoted".to_owned()))
        }
    }
}

/// Any value as JSON.
fn json(helper: &Helper, _: &Handlebars, _: &Context, _: &mut RenderContext, out: &mut dyn Output) -> HelperResult {
    out.write(&parameter(helper)?.to_string())?;
    Ok(())
}

/// A scalar as a double-quoted YAML text. Everything outside printable ASCII is escaped, because YAML's readers differ
/// in what they take for printable.
fn yaml(helper: &Helper, _: &Handlebars, _: &Context, _: &mut RenderContext, out: &mut dyn Output) -> HelperResult {
    out.write(&yaml_text(&text_of(parameter(helper)?)?))?;
    Ok(())
}

pub(super) fn yaml_text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            ' '..='~' => quoted.push(character),
            other => quoted.push_str(&format!("\\U{:08x}", u32::from(other))),
        }
    }
    quoted.push('"');
    quoted
}

/// A scalar as one word of a shell.
fn shell(helper: &Helper, _: &Handlebars, _: &Context, _: &mut RenderContext, out: &mut dyn Output) -> HelperResult {
    out.write(&shell_word(&text_of(parameter(helper)?)?))?;
    Ok(())
}

pub(super) fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A scalar as a literal of PowerShell, which may span lines.
fn powershell(
    helper: &Helper,
    _: &Handlebars,
    _: &Context,
    _: &mut RenderContext,
    out: &mut dyn Output,
) -> HelperResult {
    out.write(&powershell_literal(&text_of(parameter(helper)?)?))?;
    Ok(())
}

/// PowerShell takes typographic quotes for its own, so they are doubled, too.
fn powershell_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for character in text.chars() {
        if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
            literal.push(character);
        }
        literal.push(character);
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn try_render(template: &str, data: &Value) -> Result<String, String> {
        let mut registry = registry();
        registry.register_template_string("test", template).unwrap();
        registry.render("test", data).map_err(|cause| cause.to_string())
    }

    #[test]
    fn every_template_parses() {
        for start in EVERYWHERE {
            assert!(TEMPLATES.iter().any(|source| source.name.starts_with(start)), "nothing begins with {start}");
        }
        for source in TEMPLATES.iter() {
            source.template().unwrap();
        }
        for (name, text) in PARTS {
            parse(text).unwrap_or_else(|cause| panic!("{name}: {cause}"));
        }
    }

    #[test]
    fn quoting_fits_the_format() {
        let data = json!({ "value": "a'b\"c\\d\n$(e) é", "list": ["x", 1], "quote": "\u{2019}; exit" });
        assert_eq!(try_render("{{shell value}}", &data).unwrap(), "'a'\\''b\"c\\d\n$(e) é'");
        assert_eq!(try_render("{{yaml value}}", &data).unwrap(), r#""a'b\"c\\d\n$(e) \U000000e9""#);
        assert_eq!(try_render("{{powershell value}}", &data).unwrap(), "'a''b\"c\\d\n$(e) é'");
        assert_eq!(try_render("{{powershell quote}}", &data).unwrap(), "'\u{2019}\u{2019}; exit'");
        assert_eq!(try_render("{{json list}}", &data).unwrap(), r#"["x",1]"#);
    }

    #[test]
    fn what_is_missing_is_an_error() {
        let data = json!({ "nothing": null, "list": [1] });
        for template in ["{{missing}}", "{{json missing}}", "{{shell missing}}", "{{yaml nothing}}", "{{shell list}}"] {
            assert!(try_render(template, &data).is_err(), "{template}");
        }
    }
}
