//! Writes the dashboards of a running service for Grafana: the subcommand `dashboards`.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use super::{LONGEST_LINE, api::Api};
use crate::{
    provisioning::{DASHBOARDS, HEAD, grafana_dashboards, grafana_datasource},
    text::printable,
};

/// By this, a dashboard is one of this crate.
const OURS: &str = "\"uid\": \"vitals-";

/// The subcommand `dashboards`.
///
/// ```no_run
/// use clap::Parser;
/// use tower_vitals::cli::Dashboards;
///
/// #[derive(Parser)]
/// enum Command {
///     Dashboards(Dashboards),
/// }
///
/// # fn main() -> std::process::ExitCode {
/// let Command::Dashboards(dashboards) = Command::parse();
/// dashboards.run()
/// # }
/// ```
#[derive(Args, Clone, Debug)]
pub struct Dashboards {
    /// The folder for the files, which is made if it is not there. A file of the same name that is not of this command stays, and
    /// then nothing is written
    folder: PathBuf,
    #[command(flatten)]
    api: Api,
    /// Where the folder is for Grafana
    #[arg(long, default_value = "/etc/grafana/provisioning/dashboards")]
    path: String,
    /// The address of Prometheus, as Grafana reaches it
    #[arg(long, default_value = "http://prometheus:9090")]
    prometheus: String,
}

/// A file to be written.
struct File {
    path: PathBuf,
    text: String,
}

// === impl Dashboards ===

impl Dashboards {
    /// Writes the files and prints their paths. Returns the exit code: 0 if all are written, else 2.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.write() {
            Ok(files) => {
                for file in files {
                    // The files are there, whoever reads this.
                    let _ = writeln!(io::stdout(), "✓ {}", shown(&file.path));
                }
                ExitCode::SUCCESS
            }
            Err(error) => {
                // Nobody can be told that something was not printed.
                let _ = writeln!(io::stderr(), "✗ {}", printable(&error, LONGEST_LINE));
                ExitCode::from(2)
            }
        }
    }

    /// Asks for all before the first one is written: half of them are none.
    fn write(&self) -> Result<Vec<File>, String> {
        let mut files = Vec::new();
        for name in DASHBOARDS {
            files.push(self.file(&format!("{name}.json"), self.ask(name)?));
        }
        let provider = grafana_dashboards(&self.path);
        files.push(self.file("dashboards.yml", provider));
        let source = grafana_datasource(&self.prometheus);
        files.push(self.file("datasources.yml", source));
        let failed = |path: &Path, error: io::Error| format!("{}: {error}", shown(path));
        fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, error))?;
        for file in &files {
            if !file
                .may_be_written()
                .map_err(|error| failed(&file.path, error))?
            {
                let path = shown(&file.path);
                return Err(format!(
                    "{path}: this file is not of this command; move it, or choose another folder"
                ));
            }
        }
        for file in &files {
            fs::write(&file.path, &file.text).map_err(|error| failed(&file.path, error))?;
        }
        Ok(files)
    }

    fn ask(&self, name: &str) -> Result<String, String> {
        let text = self.api.text(&format!("/dashboards/{name}.json"))?;
        match text.contains(OURS) {
            true => Ok(text),
            false => Err(format!("{name}: the answer is no dashboard")),
        }
    }

    fn file(&self, name: &str, text: String) -> File {
        let path = self.folder.join(name);
        File { path, text }
    }
}

// === impl File ===

impl File {
    /// Whether there is no such file, or one that this command wrote.
    fn may_be_written(&self) -> io::Result<bool> {
        let there = match fs::read(&self.path) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        let there = String::from_utf8_lossy(&there);
        Ok(there.starts_with(HEAD) || there.contains(OURS))
    }
}

/// A path for people.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy(), LONGEST_LINE)
}
