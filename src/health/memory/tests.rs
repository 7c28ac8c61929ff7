use std::{fs, path::PathBuf};

use super::*;

/// A mount of cgroups in a folder of its own.
struct Mount(PathBuf);

impl Mount {
    fn new(name: &str) -> Self {
        let folder = format!("tower-vitals-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, cgroup: &str, files: &[(&str, &str)]) -> &Self {
        let cgroup = self.0.join(cgroup);
        fs::create_dir_all(&cgroup).unwrap();
        for (name, text) in files {
            fs::write(cgroup.join(name), text).unwrap();
        }
        self
    }

    /// The answer for a process whose `/proc/self/cgroup` has this text.
    async fn answer(&self, own: &str) -> Answer {
        let file = self.0.join("own");
        fs::write(&file, own).unwrap();
        let check = Check::memory_in("memory", Cgroups::at(&self.0, file));
        check.ask().await.unwrap()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn degraded(text: &str) -> Answer {
    Answer::Degraded(format!("{text} bytes in use"))
}

#[tokio::test]
async fn memory_is_measured_against_the_limit_of_the_cgroup() {
    let mount = Mount::new("limit");
    let nowhere = Check::memory_in(
        "memory",
        Cgroups::at(mount.0.join("none"), mount.0.join("none")),
    );
    assert_eq!(nowhere.ask().await.unwrap(), Answer::Healthy, "no cgroup");
    for (limit, used, fine) in [
        ("max\n", "999999999\n", true),
        ("1000\n", "799\n", true),
        ("1000\n", "800\n", false),
        ("1000\n", "1000\n", false),
    ] {
        mount.write("", &[("memory.max", limit), ("memory.current", used)]);
        let answer = mount.answer("0::/\n").await;
        assert_eq!(answer == Answer::Healthy, fine, "{used} of {limit}");
    }
    // On the machine that runs the test, whatever it has.
    Check::memory("memory").ask().await.unwrap();
}

#[tokio::test]
async fn what_the_kernel_gives_back_is_no_pressure() {
    let mount = Mount::new("cache");
    let limit = [
        ("memory.max", "1000000000\n"),
        ("memory.current", "950000000\n"),
    ];
    mount.write("", &limit);
    let all = degraded("950000000 of 1000000000");
    assert_eq!(mount.answer("0::/\n").await, all, "no memory.stat");
    for (stat, expected) in [
        (
            "anon 40000000\nfile 905000000\ninactive_file 900000000\nactive_file 5000000\n",
            Answer::Healthy,
        ),
        // The active part is in use.
        (
            "inactive_file 100000000\nactive_file 800000000\n",
            degraded("850000000 of 1000000000"),
        ),
        // The numbers are not read at one moment.
        ("inactive_file 999999999\n", Answer::Healthy),
        ("total_inactive_file 900000000\n", all.clone()),
        ("inactive_file x\n", all),
    ] {
        mount.write("", &[("memory.stat", stat)]);
        assert_eq!(mount.answer("0::/\n").await, expected, "{stat}");
    }
}

#[tokio::test]
async fn version_1_is_read_as_version_2() {
    const OWN: &str = "12:cpu,cpuacct:/elsewhere\n7:memory:/docker/4f\n0::/system.slice\n";
    let mount = Mount::new("v1");
    // What the host calls it is not there: the root is the container's own.
    let v1 = |limit, used, stat| {
        let files = [
            ("memory.limit_in_bytes", limit),
            ("memory.usage_in_bytes", used),
            ("memory.stat", stat),
        ];
        mount.write("memory", &files);
    };
    // Version 2 has no memory controller there.
    mount.write("", &[("memory.max", "1"), ("memory.current", "1")]);
    v1("9223372036854771712\n", "999999999999\n", "");
    assert_eq!(mount.answer(OWN).await, Answer::Healthy, "no limit");
    v1(
        "1000\n",
        "950\n",
        "inactive_file 1\ntotal_inactive_file 100\n",
    );
    assert_eq!(mount.answer(OWN).await, degraded("850 of 1000"));
    v1(
        "1000\n",
        "950\n",
        "inactive_file 1\ntotal_inactive_file 900\n",
    );
    assert_eq!(mount.answer(OWN).await, Answer::Healthy);
}

#[tokio::test]
async fn a_process_without_a_namespace_has_the_limits_of_its_path() {
    const OWN: &str = "0::/system.slice/shop.service\n";
    let mount = Mount::new("nested");
    let files = |limit, used| [("memory.max", limit), ("memory.current", used)];
    mount.write("system.slice/shop.service", &files("1000", "900"));
    mount.write("system.slice/other.service", &files("1000", "999"));
    mount.write("system.slice", &files("max", "1899"));
    assert_eq!(mount.answer(OWN).await, degraded("900 of 1000"));
    mount.write("system.slice/shop.service", &files("1000", "100"));
    assert_eq!(mount.answer(OWN).await, Answer::Healthy);
    // What the services share runs out.
    mount.write("system.slice", &files("1200", "1099"));
    assert_eq!(mount.answer(OWN).await, degraded("1099 of 1200"));
}
