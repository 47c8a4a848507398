//! Templates held against the schemas that Azure publishes for each resource type (draft 4).

use std::collections::HashMap;
use std::path::PathBuf;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Retrieve, Uri, ValidationError, Validator};
use serde_json::{Value as Json, json};

const ROOT: &str = "https://schema.management.azure.com/schemas/";

/// Published schemas in a folder.
pub struct AzureSchemas {
    folder: PathBuf,
    validators: HashMap<String, Validator>,
}

/// Places where a published schema refuses what Azure takes: file, pointer, what stands there instead, why.
fn corrections() -> [(&'static str, &'static str, Json, &'static str); 2] {
    [
        (
            "Microsoft.Compute.json",
            "/definitions/HardwareProfile/properties/vmSize",
            json!({ "type": "string" }),
            "its own description says that the list of sizes is deprecated; it ends with those of 2018",
        ),
        (
            "Microsoft.Resources.json",
            "/definitions/DeploymentParameter/properties/value",
            json!({}),
            "it wants exactly one of `anything` and `an expression`, so that every expression is refused",
        ),
    ]
}

/// Answers references to published schemas from the folder.
struct Local(PathBuf);

impl Retrieve for Local {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        let path = uri.as_str().split('#').next().and_then(|uri| uri.strip_prefix(ROOT));
        let path = path.ok_or_else(|| format!("{uri} is no published schema"))?;
        match std::fs::read(self.0.join(path)) {
            Ok(text) => {
                let mut schema: Json = serde_json::from_slice(&text)?;
                for (file, pointer, instead, _) in corrections() {
                    if let Some(place) = schema.pointer_mut(pointer).filter(|_| path.ends_with(file)) {
                        *place = instead;
                    }
                }
                Ok(schema)
            }
            Err(_) => Err(format!("{uri} is not in the folder").into()),
        }
    }
}

impl AzureSchemas {
    /// The folder beside the repository, if it is there.
    pub fn open() -> Option<Self> {
        let folder = crate::shared::folder("azure-schemas")?;
        Some(Self { folder, validators: HashMap::new() })
    }

    /// What is wrong with a template: the document itself, and every resource in it, nested ones too.
    pub fn faults(&mut self, template: &Json) -> Vec<String> {
        let mut faults = Vec::new();
        let mut seen = 0;
        self.visit(template, "", &mut faults, &mut seen);
        assert!(seen > 0, "nothing was checked");
        faults
    }

    fn build(&self, schema: &Json) -> Validator {
        let local = Local(self.folder.clone());
        jsonschema::options().with_draft(Draft::Draft4).with_retriever(local).build(schema).unwrap()
    }

    fn visit(&mut self, template: &Json, path: &str, faults: &mut Vec<String>, seen: &mut usize) {
        for (index, resource) in template["resources"].as_array().into_iter().flatten().enumerate() {
            let path = format!("{path}/resources/{index}");
            let mut resource = resource.clone();
            if resource["type"].as_str().unwrap().ends_with("/providers/roleAssignments") {
                // A role on a single resource is published under its own type alone.
                resource["type"] = json!("Microsoft.Authorization/roleAssignments");
            }
            let resource = &resource;
            let kind = resource["type"].as_str().unwrap();
            let version = resource["apiVersion"].as_str().unwrap();
            let (provider, types) = kind.split_once('/').unwrap();
            let definition = types.replace('/', "_");
            match self.validator(provider, &definition, version) {
                None => faults.push(format!("{path}: no schema of {kind} {version}")),
                Some(validator) => {
                    *seen += 1;
                    faults.extend(
                        validator.iter_errors(resource).map(|error| format!("{path} {kind}{}", deepest(&error))),
                    );
                }
            }
            if types == "deployments" {
                let inner = &resource["properties"]["template"];
                self.visit(inner, &format!("{path}/properties/template"), faults, seen);
            }
        }
    }

    fn validator(&mut self, provider: &str, definition: &str, version: &str) -> Option<&Validator> {
        let key = format!("{provider}/{definition}@{version}");
        if !self.validators.contains_key(&key) {
            let mut files: Vec<_> = std::fs::read_dir(self.folder.join(version))
                .ok()?
                .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
                .filter(|file| file.starts_with(provider))
                .collect();
            files.sort();
            let file = files.into_iter().find(|file| {
                let text = std::fs::read(self.folder.join(version).join(file)).unwrap();
                let schema: Json = serde_json::from_slice(&text).unwrap();
                schema["resourceDefinitions"].get(definition).is_some()
            })?;
            let schema = json!({ "$ref": format!("{ROOT}{version}/{file}#/resourceDefinitions/{definition}") });
            let validator = self.build(&schema);
            self.validators.insert(key.clone(), validator);
        }
        self.validators.get(&key)
    }
}

/// Where the alternatives of a `oneOf` all fail, the one that comes furthest tells most.
fn deepest(error: &ValidationError<'_>) -> String {
    let branches = match error.kind() {
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => context,
        _ => return format!("{}: {}", error.instance_path(), short(&error.to_string())),
    };
    branches
        .iter()
        .flatten()
        .map(deepest)
        .max_by_key(|text| text.split(": ").next().map_or(0, |path| path.matches('/').count()))
        .unwrap_or_else(|| short(&error.to_string()))
}

fn short(text: &str) -> String {
    text.chars().take(400).collect()
}
