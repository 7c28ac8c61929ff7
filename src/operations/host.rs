//! Asks what the disks and the network of the host moved.

use std::{collections::BTreeMap, path::PathBuf};

use procfs::{DiskStat, FromRead, net::InterfaceDeviceStatus};

use super::asking::{self, EVERY};
use crate::{
    bounded_file,
    config::ConfigError,
    metrics::{Metrics, catalog::Id, sampled::Sampled},
};

/// The most disks, and the most interfaces. The first ones by their names are shown.
const MOST: usize = 64;

/// The unit of the kernel's counts, whatever the disk has.
const SECTOR: u64 = 512;

/// Where the numbers stand.
#[derive(Debug)]
struct Sources {
    diskstats: PathBuf,
    /// Has a folder for each disk, and none for a partition.
    block: PathBuf,
    network: PathBuf,
    /// Has a folder for each interface.
    interfaces: PathBuf,
}

/// Bytes that came in and went out.
type Moved = (Option<u64>, Option<u64>);

/// # Errors
///
/// If the thread cannot start.
pub(super) fn start(metrics: &Metrics) -> Result<(), ConfigError> {
    let sources = Sources {
        diskstats: "/proc/diskstats".into(),
        block: "/sys/block".into(),
        network: "/proc/net/dev".into(),
        interfaces: "/sys/class/net".into(),
    };
    asking::on_thread("host", EVERY, Some(metrics), move || sources.values())
}

// === impl Sources ===

impl Sources {
    fn values(&self) -> Vec<Sampled> {
        let mut values = Vec::new();
        give(&mut values, [Id::DiskRead, Id::DiskWritten], self.disks());
        let network = [Id::NetworkReceived, Id::NetworkSent];
        give(&mut values, network, self.interfaces());
        values
    }

    /// Whole disks. What is made of others, such as a loop device, memory or a volume, has no device of its own: its bytes would be
    /// there twice.
    fn disks(&self) -> BTreeMap<String, Moved> {
        let text = bounded_file::text(&self.diskstats).unwrap_or_default();
        let disks = text
            .lines()
            .filter_map(|line| DiskStat::from_line(line).ok());
        let whole = |disk: &DiskStat| {
            let folder = disk.name.replace('/', "!");
            self.block.join(folder).join("device").exists()
        };
        let bytes = |sectors: u64| sectors.checked_mul(SECTOR);
        disks
            .filter(whole)
            .map(|disk| {
                let moved = (bytes(disk.sectors_read), bytes(disk.sectors_written));
                (disk.name, moved)
            })
            .collect()
    }

    /// Those with a device of their own. The others, such as bridges and the host's ends of the pairs of its containers, only
    /// hand on what passes one of these, and the names of many come and go. A container has no device, and all of its interfaces
    /// are shown.
    fn interfaces(&self) -> BTreeMap<String, Moved> {
        let text = bounded_file::text(&self.network).unwrap_or_default();
        let Ok(InterfaceDeviceStatus(mut all)) = InterfaceDeviceStatus::from_read(text.as_bytes())
        else {
            return BTreeMap::new();
        };
        all.remove("lo");
        let has_device = |name: &str| self.interfaces.join(name).join("device").exists();
        if all.keys().any(|name| has_device(name)) {
            all.retain(|name, _| has_device(name));
        }
        all.into_iter()
            .map(|(name, status)| (name, (Some(status.recv_bytes), Some(status.sent_bytes))))
            .collect()
    }
}

fn give(values: &mut Vec<Sampled>, [come, gone]: [Id; 2], moved: BTreeMap<String, Moved>) {
    for (device, (came, went)) in moved.into_iter().take(MOST) {
        let counter = |id, bytes: u64| Sampled::counter(id, &[&device], bytes);
        values.extend(came.map(|bytes| counter(come, bytes)));
        values.extend(went.map(|bytes| counter(gone, bytes)));
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write, fs};

    use super::*;

    /// The files of a kernel, in a folder of its own.
    struct Kernel(PathBuf);

    impl Kernel {
        fn new(name: &str) -> Self {
            let folder = format!("tower-vitals-host-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn device(&self, name: &str) {
            fs::create_dir_all(self.0.join("block").join(name).join("device")).unwrap();
        }

        fn interface(&self, name: &str) {
            fs::create_dir_all(self.0.join("net").join(name).join("device")).unwrap();
        }

        fn read(&self, disks: &str, network: &str) -> Vec<String> {
            fs::write(self.0.join("diskstats"), disks).unwrap();
            fs::write(self.0.join("dev"), network).unwrap();
            let sources = Sources {
                diskstats: self.0.join("diskstats"),
                block: self.0.join("block"),
                network: self.0.join("dev"),
                interfaces: self.0.join("net"),
            };
            let values = sources.values().into_iter();
            values
                .map(|one| format!("{:?} {} {:?}", one.id, one.labels[0], one.value))
                .collect()
        }
    }

    impl Drop for Kernel {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    const HEAD: &str = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n";

    #[test]
    fn whole_disks_and_real_interfaces_are_shown() {
        let kernel = Kernel::new("shown");
        kernel.device("sda");
        kernel.device("cciss!c0d0");
        fs::create_dir_all(kernel.0.join("block/loop0")).unwrap();
        kernel.interface("eth0");
        for without in ["lo", "veth1f", "cali4a", "lxc7", "eni9", "tap0", "docker0"] {
            fs::create_dir_all(kernel.0.join("net").join(without)).unwrap();
        }
        let disks = "   8 0 sda 5 0 100 0 6 0 200 0 0 0 0\n   8 1 sda1 5 0 90 0 6 0 190 0 0 0 0\n\
                     7 0 loop0 1 0 1 0 1 0 1 0 0 0 0\n 104 0 cciss/c0d0 1 0 2 0 1 0 4 0 0 0 0\n";
        let network = format!(
            "{HEAD}    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  eth0: 70 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n\
             veth1f: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n cali4a: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n\
               lxc7: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n   eni9: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n\
               tap0: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\ndocker0: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n"
        );
        let expected = [
            "DiskRead cciss/c0d0 Counter(1024)",
            "DiskWritten cciss/c0d0 Counter(2048)",
            "DiskRead sda Counter(51200)",
            "DiskWritten sda Counter(102400)",
            "NetworkReceived eth0 Counter(70)",
            "NetworkSent eth0 Counter(30)",
        ];
        assert_eq!(kernel.read(disks, &network), expected);
    }

    #[test]
    fn a_container_shows_all_interfaces_but_the_loopback() {
        let kernel = Kernel::new("container");
        let network = format!(
            "{HEAD}    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  eth0: 70 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n"
        );
        let expected = [
            "NetworkReceived eth0 Counter(70)",
            "NetworkSent eth0 Counter(30)",
        ];
        assert_eq!(kernel.read("", &network), expected);
    }

    #[test]
    fn lies_are_left_out_and_nothing_else() {
        let kernel = Kernel::new("lies");
        kernel.device("sda");
        kernel.device("sdb");
        kernel.interface("eth0");
        assert_eq!(kernel.read("", ""), [""; 0]);
        let most = u64::MAX;
        let disks = format!(
            "x\n8 0 sda -5 0 1 0 6 0 2 0 0 0 0\n8 1 sdb 5 0 {most} 0 6 0 3 0 0 0 0\n\n8 2\n"
        );
        let network = format!("{HEAD}  eth0: -70 1 0 0\n");
        let expected = ["DiskWritten sdb Counter(1536)"];
        assert_eq!(kernel.read(&disks, &network), expected);
        let network = format!("{HEAD}  eth0: {most} 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n");
        let expected = [
            "NetworkReceived eth0 Counter(18446744073709551615)",
            "NetworkSent eth0 Counter(30)",
        ];
        assert_eq!(kernel.read("", &network), expected);
    }

    #[test]
    fn a_host_with_many_interfaces_shows_the_first_64() {
        let kernel = Kernel::new("many");
        let mut network = HEAD.to_owned();
        for number in 0..100 {
            let zeros = "0 ".repeat(16);
            writeln!(network, "eth{number:02}: {zeros}").unwrap();
            kernel.interface(&format!("eth{number:02}"));
        }
        let shown = kernel.read("", &network);
        assert_eq!(shown.len(), 2 * 64);
        assert_eq!(shown[127], "NetworkSent eth63 Counter(0)");
    }
}
