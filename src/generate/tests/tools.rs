//! Runs the programs that judge what is generated.

use std::{env, fs, path::PathBuf, process::Command};

/// Files for a program, which are gone afterwards.
pub(super) struct Files(PathBuf);

// === impl Files ===

impl Files {
    pub(super) fn new(name: &str) -> Self {
        let name = format!("tower-vitals-generate-{name}-{}", std::process::id());
        let directory = env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    /// What a program says, if it succeeds.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let [out, errors] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        let said = format!("{out}\n{errors}");
        match output.status.success() {
            true => Ok(said),
            // Of many rules, the first say enough.
            false => Err(said.chars().take(10_000).collect()),
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
