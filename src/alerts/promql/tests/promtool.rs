//! Runs promtool over rules.

use std::{env, fs, path::PathBuf, process::Command};

use super::{rules::every_rule, *};

/// Files for promtool, which are gone afterwards.
pub(super) struct Files(PathBuf);

// === impl Files ===

impl Files {
    pub(super) fn new(name: &str) -> Self {
        let name = format!("tower-vitals-promql-{name}-{}", std::process::id());
        let directory = env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    /// What promtool says about a file, if it takes it.
    pub(super) fn run(&self, command: [&str; 2], file: &str) -> Result<String, String> {
        match self.said(command, file) {
            (true, said) => Ok(said),
            // Of thousands of rules, the first say enough.
            (false, said) => Err(said.chars().take(10_000).collect()),
        }
    }

    /// All that promtool says about a file, and whether it takes it.
    pub(super) fn said(&self, command: [&str; 2], file: &str) -> (bool, String) {
        let output = Command::new("promtool")
            .args(command)
            .arg(file)
            .current_dir(&self.0)
            .output()
            .expect("promtool is not installed");
        let [out, errors] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        (output.status.success(), format!("{out}\n{errors}"))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A text of YAML.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn promtool_takes_every_rule_that_can_be_told() {
    let files = Files::new("check");
    let mut told_rules = 0;
    let mut text = "groups:\n".to_owned();
    for (group, settings) in [Settings::new(), otel(), named()].iter().enumerate() {
        text += &format!("- name: g{group}\n  rules:\n");
        for rule in every_rule() {
            if let Promql::Signal { value, breach } = told(&rule, settings) {
                let name = format!("{}_{group}", rule.name);
                text += &format!("  - alert: {name}\n    expr: {}\n", quoted(&breach));
                text += &format!("  - record: {name}:value\n    expr: {}\n", quoted(&value));
                told_rules += 1;
            }
        }
    }
    files.write("rules.yml", &text);
    let said = files.run(["check", "rules"], "rules.yml").unwrap();
    assert!(
        said.contains(&format!("SUCCESS: {} rules found", 2 * told_rules)),
        "{said}"
    );
    assert!(told_rules > 5_000, "{told_rules}");
}
