//! Descriptions held against libvirt's own schemas, where its validator is installed.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail by a panic, and says what it left out")]

use std::io::Write as _;
use std::process::Command;

/// Fails the test if `virt-xml-validate` refuses a description; says so where there is none.
pub(crate) fn validate(schema: &str, text: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    match Command::new("virt-xml-validate").arg(file.path()).arg(schema).output() {
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{told}\n{text}");
        }
        Err(_) => eprintln!("not validated: there is no virt-xml-validate here"),
    }
}
