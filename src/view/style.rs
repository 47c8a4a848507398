//! Colours, and text from outside made harmless.

/// Whether and how to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// With or without colours.
    pub const fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// Whether there are colours.
    pub const fn is_coloured(self) -> bool {
        self.colour
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Something good or new.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Something bad or going away.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Something to look at twice.
    pub fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Something that matters.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Something to skip over.
    pub fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }
}

/// Text from a cloud or a file without control characters, which could drive a terminal or a pipeline's agent.
pub fn harmless(text: &str) -> String {
    // The agents of Azure Pipelines and GitHub take lines with these beginnings as commands.
    let mut text: String = text
        .chars()
        .map(|letter| if letter.is_control() && letter != '\n' && letter != '\t' { '\u{fffd}' } else { letter })
        .collect();
    for command in ["##vso[", "##[", "::set-", "::add-"] {
        if text.contains(command) {
            text = text.replace(command, &format!("{} {}", &command[..1], &command[1..]));
        }
    }
    text
}

/// A step as people read it on one line: without the provider before the type, as in `create virtualMachines vm-0`.
pub fn brief(step: &crate::contract::StepId) -> String {
    let words = step.as_str().split(' ').map(|word| match word.split_once('/') {
        Some((provider, resource_type)) if provider.starts_with("Microsoft.") => resource_type,
        _ => word,
    });
    harmless(&words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_pipeline_commands_lose_their_force() {
        assert_eq!(harmless("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\n");
        assert_eq!(harmless("##vso[task.complete]"), "# #vso[task.complete]");
    }

    #[test]
    fn a_step_is_shown_without_its_provider() {
        use crate::contract::{ChangeKind, StepId};
        use crate::graph::ResourceKey;
        let key = ResourceKey::named("Microsoft.Compute/virtualMachines/extensions", "vm-0/cse");
        assert_eq!(brief(&StepId::of_change(ChangeKind::Create, &key)), "create virtualMachines/extensions vm-0/cse");
    }

    #[test]
    fn without_colour_there_is_only_text() {
        assert_eq!(Style::new(false).bad("x"), "x");
        assert_eq!(Style::new(true).bad("x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
