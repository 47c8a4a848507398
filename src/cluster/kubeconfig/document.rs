//! A kubeconfig as a value: read from YAML or JSON, and written back in the same form.
//!
//! Deliberately absent: `Debug`, because it holds secrets; what the entries mean (`merge`); files (`file`).

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::KubeconfigError;
use crate::base::Secret;

/// The form in which it is written.
#[derive(Clone, Copy)]
enum Form {
    Yaml,
    Json,
}

/// The lists of a kubeconfig.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Cluster,
    Context,
    User,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Cluster, Self::Context, Self::User];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Context => "context",
            Self::User => "user",
        }
    }

    pub(super) const fn list(self) -> &'static str {
        match self {
            Self::Cluster => "clusters",
            Self::Context => "contexts",
            Self::User => "users",
        }
    }
}

/// A kubeconfig.
pub(super) struct Document {
    pub(super) root: Map<String, Json>,
    form: Form,
}

impl Document {
    /// One with nothing in it.
    fn empty() -> Self {
        let mut root = Map::new();
        root.insert("apiVersion".to_owned(), json!("v1"));
        root.insert("kind".to_owned(), json!("Config"));
        Self { root, form: Form::Yaml }
    }

    /// Reads a text. One without content is an empty kubeconfig. `path` is for messages.
    pub(super) fn read(text: &str, path: &Path) -> Result<Self, KubeconfigError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let has_content = |line: &str| !matches!(line.trim(), "" | "---") && !line.trim_start().starts_with('#');
        if !text.lines().any(has_content) {
            return Ok(Self::empty());
        }
        let malformed =
            |at, problem: &str| KubeconfigError::Malformed { path: path.to_owned(), at, problem: problem.to_owned() };
        let (root, form) = match serde_json::from_str(text) {
            Ok(root) => (root, Form::Json),
            Err(_) => {
                // The reader's own message may quote what it has read.
                let root = serde_saphyr::from_str::<Json>(text).map_err(|error| {
                    let at = error.location().map(|location| (location.line(), location.column()));
                    malformed(at, "this is not YAML that can be read")
                })?;
                (root, Form::Yaml)
            }
        };
        let Json::Object(root) = root else { return Err(malformed(None, "it is not an object")) };
        for kind in Kind::ALL {
            let is_named = |entry: &Json| entry.is_object() && entry["name"].is_string();
            let fits = match root.get(kind.list()) {
                None | Some(Json::Null) => true,
                Some(Json::Array(entries)) => entries.iter().all(is_named),
                Some(_) => false,
            };
            if !fits {
                let problem = format!("`{}` is no list of entries with names", kind.list());
                return Err(malformed(None, &problem));
            }
        }
        Ok(Self { root, form })
    }

    /// The text, in the form in which it was read.
    pub(super) fn text(&self, path: &Path) -> Result<Secret, KubeconfigError> {
        let value = Json::Object(self.root.clone());
        let text = match self.form {
            Form::Json => format!("{value:#}\n"),
            Form::Yaml => {
                let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
                let unwritable = || KubeconfigError::Unwritable { path: path.to_owned() };
                let text = serde_saphyr::to_string_with_options(&value, options).map_err(|_| unwritable())?;
                // Somebody's access hangs on it: what would read otherwise than it was is not written.
                match serde_saphyr::from_str::<Json>(&text) {
                    Ok(again) if again == value => text,
                    _ => return Err(unwritable()),
                }
            }
        };
        Ok(Secret::new(text))
    }

    /// What an entry says, by its name.
    pub(super) fn find(&self, kind: Kind, name: &str) -> Option<&Map<String, Json>> {
        self.entries(kind).find(|entry| entry["name"] == name)?.get(kind.word())?.as_object()
    }

    /// Whether there is an entry of a name.
    pub(super) fn has(&self, kind: Kind, name: &str) -> bool {
        self.entries(kind).any(|entry| entry["name"] == name)
    }

    /// The entries of a list.
    pub(super) fn entries(&self, kind: Kind) -> impl Iterator<Item = &Json> {
        self.root.get(kind.list()).and_then(Json::as_array).into_iter().flatten()
    }

    /// What an entry says, to be changed. One that is not there is made.
    pub(super) fn entry(&mut self, kind: Kind, name: &str) -> Option<&mut Map<String, Json>> {
        let list = self.root.entry(kind.list()).or_insert(Json::Null);
        if list.is_null() {
            *list = json!([]);
        }
        let list = list.as_array_mut()?;
        let place = list.iter().position(|entry| entry["name"] == name).unwrap_or_else(|| {
            list.push(json!({ "name": name }));
            list.len() - 1
        });
        let own = list.get_mut(place)?.as_object_mut()?.entry(kind.word()).or_insert(Json::Null);
        if !own.is_object() {
            *own = json!({});
        }
        own.as_object_mut()
    }

    /// Takes the entries of a name out.
    pub(super) fn take_out(&mut self, kind: Kind, name: &str) {
        if let Some(list) = self.root.get_mut(kind.list()).and_then(Json::as_array_mut) {
            list.retain(|entry| entry["name"] != name);
        }
    }
}
