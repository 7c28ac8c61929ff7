use std::{fs, path::Path};

use super::*;

/// The files of a kernel, in a folder of its own.
struct Kernel(PathBuf);

impl Kernel {
    fn new(name: &str) -> Self {
        let folder = format!("tower-vitals-use-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, file: impl AsRef<Path>, text: impl AsRef<[u8]>) -> &Self {
        let file = self.0.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self
    }

    fn v2(&self, cgroup: &str, limit: &str, used: &str) -> &Self {
        let cgroup = Path::new(cgroup);
        self.write(cgroup.join("memory.max"), limit);
        self.write(cgroup.join("memory.current"), used)
    }

    /// Bytes and per cent.
    fn read(&self) -> Option<(u64, f64)> {
        let cgroups = Cgroups::at(&self.0, self.0.join("own"));
        let memory = UsedMemory::at(cgroups, self.0.join("meminfo"));
        let memory = memory.read()?;
        Some((memory.used, memory.percent()))
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const MEMINFO: &str = "MemTotal:        1000 kB\nMemFree:  10 kB\nMemAvailable:     750 kB\n";

#[test]
fn memory_is_that_of_the_container_against_its_limit() {
    let kernel = Kernel::new("v2");
    kernel.write("meminfo", MEMINFO).write("own", "0::/\n");
    kernel.v2("", "1000\n", "400\n");
    assert_eq!(kernel.read(), Some((400, 40.0)));
    kernel.write("memory.stat", "anon 1\ninactive_file 150\n");
    assert_eq!(kernel.read(), Some((250, 25.0)), "the working set");
    kernel.write("own", "4:memory:/docker/4f\n0::/\n");
    kernel.write("memory/memory.limit_in_bytes", "2000\n");
    kernel.write("memory/memory.usage_in_bytes", "1500\n");
    kernel.write("memory/memory.stat", "total_inactive_file 500\n");
    assert_eq!(kernel.read(), Some((1000, 50.0)), "version 1");
}

#[test]
fn the_tightest_limit_of_nested_containers_counts() {
    let kernel = Kernel::new("nested");
    kernel.write("meminfo", MEMINFO).write("own", "0::/a/b\n");
    kernel.v2("a/b", "1000", "500").v2("a", "2000", "1800");
    assert_eq!(kernel.read(), Some((1800, 90.0)));
    kernel.v2("a/b", "1000", "950");
    assert_eq!(kernel.read(), Some((950, 95.0)));
    kernel.v2("a/b", "max", "950").v2("a", "2000", "600");
    assert_eq!(kernel.read(), Some((600, 30.0)));
}

#[test]
fn without_a_limit_memory_is_that_of_the_host() {
    let kernel = Kernel::new("host");
    assert_eq!(kernel.read(), None, "a platform without any of it");
    kernel.write("meminfo", MEMINFO);
    let host = Some((256_000, 25.0));
    assert_eq!(kernel.read(), host);
    for limit in ["max\n", "9223372036854771712\n", "1024001\n", "0\n"] {
        kernel.v2("", limit, "400\n");
        assert_eq!(kernel.read(), host, "{limit}");
    }
    kernel.v2("", "1024000\n", "1024\n");
    assert_eq!(kernel.read(), Some((1024, 0.1)));
}

#[test]
fn a_kernel_that_lies_leaves_its_values_out() {
    let kernel = Kernel::new("lies");
    for text in [
        "",
        "MemTotal: 1000 kB\n",
        "MemTotal: -1000 kB\nMemAvailable: 1 kB\n",
        "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
        "MemTotal: 1000 kB\nMemAvailable: 1001 kB\n",
        "MemTotal: 1000\nMemAvailable: 1\n",
        "MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB\n",
        "MemTotal: 99999999999999999999999 kB\nMemAvailable: 1 kB\n",
        "MemTotal:\u{0}\u{feff} kB\nMemAvailable: x kB\n",
    ] {
        kernel.write("meminfo", text);
        assert_eq!(kernel.read(), None, "{text}");
    }
    kernel.write("meminfo", [0xff, 0xfe, b':', b'\n', 0x80]);
    for (limit, used) in [
        ("-1", "5"),
        ("1000", "-5"),
        ("1000", ""),
        ("", "5"),
        ("1e9", "5"),
        ("1000", "18446744073709551616"),
    ] {
        kernel.v2("", limit, used);
        assert_eq!(kernel.read(), None, "{used} of {limit}");
    }
    // Folders where files should be.
    fs::remove_file(kernel.0.join("memory.max")).unwrap();
    fs::create_dir(kernel.0.join("memory.max")).unwrap();
    fs::create_dir(kernel.0.join("own")).unwrap();
    assert_eq!(kernel.read(), None);
}
