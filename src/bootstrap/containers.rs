//! Containers of add-ons: their images and resources in the add-ons' manifests, where a user may say others.
//!
//! Two helpers of templates: `{{container_image "name" image}}`, and `{{container_resources "name" cpu="10m" memory="20Mi"
//! memory_limit="500Mi"}}` with what a container asks for and may use at most. Both look the container up in what is
//! rendered, under `containers`.

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason};
use serde::Serialize;
use serde_json::Value;

use super::templates::{parameter_at, text_of, yaml_text};

/// What a user says of a container of an add-on. Who says what it asks for or may use of the processor, or of the memory,
/// says both: there is no default beside it that may contradict it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Container {
    /// Its image, as it stands: it is not looked for in a mirror.
    pub image: Option<String>,
    /// The processor time that it asks for (`100m`).
    pub cpu: Option<String>,
    /// The memory that it asks for (`128Mi`).
    pub memory: Option<String>,
    /// The most processor time that it may use.
    pub cpu_limit: Option<String>,
    /// The most memory that it may use.
    pub memory_limit: Option<String>,
}

pub(super) fn register(registry: &mut Handlebars<'_>) {
    registry.register_helper("container_image", Box::new(image));
    registry.register_helper("container_resources", Box::new(resources));
}

/// What the user says of the container that a helper's first parameter names.
fn said<'a>(helper: &Helper<'_>, context: &'a Context, field: &str) -> Result<Option<&'a str>, RenderErrorReason> {
    let name = text_of(parameter_at(helper, 0)?)?;
    Ok(context.data().get("containers").and_then(|all| all.get(name)?.get(field)?.as_str()))
}

fn image(
    helper: &Helper,
    _: &Handlebars,
    context: &Context,
    _: &mut RenderContext,
    out: &mut dyn Output,
) -> HelperResult {
    let own = text_of(parameter_at(helper, 1)?)?;
    out.write(&yaml_text(said(helper, context, "image")?.unwrap_or(&own)))?;
    Ok(())
}

fn resources(
    helper: &Helper,
    _: &Handlebars,
    context: &Context,
    _: &mut RenderContext,
    out: &mut dyn Output,
) -> HelperResult {
    let own = |name: &str| helper.hash_get(name).map(|value| value.value()).and_then(Value::as_str).map(yaml_text);
    let mut requests = Vec::new();
    let mut limits = Vec::new();
    for resource in ["cpu", "memory"] {
        let limit = format!("{resource}_limit");
        let said = (said(helper, context, resource)?, said(helper, context, &limit)?);
        let (request, limit) = match said {
            (None, None) => (own(resource), own(&limit)),
            (request, limit) => (request.map(yaml_text), limit.map(yaml_text)),
        };
        requests.extend(request.map(|value| format!("{resource}: {value}")));
        limits.extend(limit.map(|value| format!("{resource}: {value}")));
    }
    let parts: Vec<String> = [("requests", requests), ("limits", limits)]
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| format!("{name}: {{{}}}", values.join(", ")))
        .collect();
    out.write(&format!("{{{}}}", parts.join(", ")))?;
    Ok(())
}
