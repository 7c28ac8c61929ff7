//! Shows what a service uses: processors, memory, disks, network, and the Tokio runtime.

use super::{board::Section, context::Context, judged, panel::Draft, query::Query};
use crate::metrics::catalog::Id;

/// What must be on so that there are numbers of the process.
const PROCESS: &str = "`process_metrics()` and the feature `process`";
const HOST: &str = "`process_metrics()` and the feature `host`, on Linux";

pub(super) fn infrastructure(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let now = |id| catalog.of(id).by_instance().now("max");
    let cpu = Draft::lines("CPU usage", "percent")
        .about("Time of processors that each process uses, in per cent of one processor.")
        .needs(PROCESS)
        .query(now(Id::CpuPercent));
    let memory = Draft::lines("Memory usage", "percent")
        .about("Memory in use, in per cent of the container's limit, else of the host's memory.")
        .needs(PROCESS)
        .query(now(Id::MemoryPercent));
    let bytes = Draft::lines("Memory", "bytes")
        .about("Memory of the container or of the host, and what of it the process has.")
        .needs(PROCESS)
        .query(
            catalog
                .of(Id::MemoryUsage)
                .by_instance()
                .named("in use")
                .now("max"),
        )
        .query(
            catalog
                .of(Id::ProcessResident)
                .by_instance()
                .named("process")
                .now("max"),
        );
    let disk = Draft::lines("Disk usage", "percent")
        .about("How full each file system that is watched is.")
        .needs("a file system that is watched (feature `disk`)")
        .query(disk_usage(context));
    let traffic = |id, name| catalog.of(id).by(0).named(name).rate();
    let network = Draft::lines("Network I/O", "Bps")
        .about("Bytes that the host receives and sends in a second, by interface.")
        .needs(HOST)
        .query(traffic(Id::NetworkReceived, "received"))
        .query(traffic(Id::NetworkSent, "sent"));
    let io = Draft::lines("Disk I/O", "Bps")
        .about("Bytes that are read from the disks of the host and written to them in a second.")
        .needs(HOST)
        .query(traffic(Id::DiskRead, "read"))
        .query(traffic(Id::DiskWritten, "written"));
    Section {
        title: "Infrastructure",
        panels: vec![
            judged.mark(cpu, judged::CPU),
            judged.mark(memory, judged::MEMORY),
            bytes,
            judged.mark(disk, judged::DISK),
            network,
            io,
        ],
    }
}

fn disk_usage(context: &Context<'_>) -> Option<Query> {
    let catalog = context.catalog;
    let free = catalog.of(Id::DiskFree).selector("")?;
    let size = catalog.of(Id::DiskSize).selector("")?;
    let labels = catalog.published.labels(Id::DiskFree);
    let by = labels.first()?;
    let expr = format!("max by (instance, {by}) (100 - 100 * {free} / {size})");
    Some(Query::of(expr, &format!("{{{{instance}}}} {{{{{by}}}}}")))
}

pub(super) fn runtime(context: &Context<'_>) -> Section {
    let Context {
        catalog, judged, ..
    } = *context;
    let now = |id, name| catalog.of(id).by_instance().named(name).now("max");
    let busy = Draft::lines("Busy workers of the runtime", "percentunit")
        .about("Share of the time in which the workers of the Tokio runtime are busy.")
        .needs(PROCESS)
        .query(now(Id::TokioBusy, ""));
    let lag = Draft::lines("Scheduling lag of the runtime", "s")
        .about("The longest time lately that a task waited for its turn: code that blocks makes it long.")
        .needs(PROCESS)
        .query(now(Id::TokioLag, ""));
    let tasks = Draft::lines("Tasks, workers and threads", "short")
        .about("Tasks of the Tokio runtime, its workers, and all threads of the process.")
        .needs(PROCESS)
        .query(now(Id::TokioTasks, "tasks"))
        .query(now(Id::TokioWorkers, "workers"))
        .query(now(Id::ProcessThreads, "threads"));
    let files = Draft::lines("File descriptors", "short")
        .about("How many the process has open, and how many it may have.")
        .needs(PROCESS)
        .query(now(Id::ProcessOpenFds, "open"))
        .query(now(Id::ProcessMaxFds, "limit"));
    Section {
        title: "Runtime",
        panels: vec![busy, judged.mark(lag, judged::LAG), tasks, files],
    }
}
