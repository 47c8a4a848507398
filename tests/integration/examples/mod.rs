//! The models of `apimodels/`: each is read without a fault, expanded, written as a template, deployed and destroyed.

mod goldens;
pub mod simulator;

use super::golden;

/// An example.
pub struct Example {
    /// The file's name without its ending.
    pub name: String,
    /// The file.
    pub text: String,
}

/// All examples, by name.
pub fn all() -> Vec<Example> {
    let mut examples: Vec<Example> = std::fs::read_dir(golden::path("apimodels"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| Example {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(&path).unwrap(),
        })
        .collect();
    examples.sort_by(|left, right| left.name.cmp(&right.name));
    assert!(examples.len() >= 15, "{}", examples.len());
    examples
}
