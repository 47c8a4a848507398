//! An image made of a disk of Windows in a blob, one for each pool (aks-engine's).

use super::ExpandError;
use super::context::{Context, symbol};
use crate::graph::{Resource, Value};
use crate::model::{Image, Pool};

/// The image of a pool, if it is made of a disk.
pub(super) fn build(context: &Context<'_>, pool: &Pool) -> Result<Option<Resource>, ExpandError> {
    let Image::Disk { url } = &pool.image else { return Ok(None) };
    let disk = Value::object([
        ("osType", "Windows".into()),
        ("osState", "Generalized".into()),
        ("blobUri", url.as_str().into()),
        ("caching", pool.os_disk.caching.word().into()),
        ("storageAccountType", "Standard_LRS".into()),
    ]);
    let mut properties = Value::object([("storageProfile", Value::object([("osDisk", disk)]))]);
    if context.is_azure() {
        // A disk in a blob is of the first generation.
        properties.insert("hyperVGeneration", "V1".into());
    }
    let name = format!("{}CustomWindowsImage", pool.name);
    let image = context.resource(&symbol::of(&pool.name, "image"), "Microsoft.Compute/images", name)?;
    Ok(Some(image.properties(properties)))
}
