//! Starts a real Alertmanager, which tells an inbox.

use std::{
    env, fs,
    process::{Command, Stdio, id},
};

use crate::{
    inbox::Inbox,
    programs::{Folder, Running, eventually, free_port::free_port, get},
};

/// An Alertmanager that ends with the test, and tells an inbox.
pub(crate) struct Server {
    pub(crate) address: String,
    /// What it tells.
    pub(crate) told: Inbox,
    _process: Running,
    _folder: Folder,
}

// === impl Server ===

impl Server {
    pub(crate) fn start() -> Self {
        let told = Inbox::answering(200, "");
        let port = free_port();
        let folder = env::temp_dir().join(format!("tower-vitals-alertmanager-{}-{port}", id()));
        fs::create_dir_all(&folder).unwrap();
        let config = folder.join("alertmanager.yml");
        let url = told.url("/told");
        let text = format!(
            "route: {{receiver: test, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n\
             receivers: [{{name: test, webhook_configs: [{{url: '{url}'}}]}}]\n"
        );
        fs::write(&config, text).unwrap();
        let address = format!("127.0.0.1:{port}");
        let started = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--cluster.listen-address=", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = Running(started.unwrap());
        eventually("Alertmanager is ready", || {
            let answer = get(&address, "/-/ready", "")?;
            answer.contains("OK").then_some(())
        });
        Self {
            address,
            told,
            _process: process,
            _folder: Folder(folder),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
