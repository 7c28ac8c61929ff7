//! The families of everything else that a service does: functions, queries, jobs, pools, outbound calls, circuits, the process.

use super::{Entry, Id, Unit, counter, gauge, seconds};

/// In the order in which they are published.
pub(super) static FAMILIES: [Entry; 51] = [
    seconds(
        Id::OperationDuration,
        "monitored_operation_duration_seconds",
        &["name", "outcome"],
    )
    .help("Time that a monitored function took, by the way it ended."),
    seconds(
        Id::QueryDuration,
        "db_query_duration_seconds",
        &["operation", "table"],
    )
    .help("Time that a query of a database took.")
    .otel(
        "db_client_operation_duration_seconds",
        &["db_operation_name", "db_collection_name"],
    ),
    counter(
        Id::OutboundCalls,
        "external_calls_total",
        &["service", "outcome"],
    )
    .help("Calls of another service, by the way they ended."),
    seconds(
        Id::OutboundDuration,
        "external_call_duration_seconds",
        &["service"],
    )
    .help("Time that a call of another service took."),
    gauge(
        Id::CircuitState,
        "circuit_breaker_state",
        &["name", "state"],
    )
    .help("1 for the state in which a circuit breaker is, 0 for the others."),
    gauge(Id::CircuitsOpen, "circuit_breaker_open_count", &[])
        .help("Circuit breakers that are open now."),
    counter(Id::JobRuns, "job_runs_total", &["job", "outcome"])
        .help("Runs of a background job, by the way they ended."),
    seconds(Id::JobDuration, "job_duration_seconds", &["job"])
        .help("Time that a run of a background job took."),
    gauge(
        Id::JobLastSuccess,
        "job_last_success_timestamp_seconds",
        &["job"],
    )
    .unit(Unit::Seconds)
    .help("When a background job last succeeded, in seconds since 1970."),
    gauge(Id::JobQueueLength, "job_queue_length", &["queue"]).help("Jobs that wait in a queue."),
    gauge(Id::PoolSize, "db_connection_pool_size", &["pool"])
        .help("Connections that a pool has open, idle or in use."),
    gauge(Id::PoolIdle, "db_connection_pool_idle", &["pool"])
        .help("Connections of a pool that nobody uses."),
    gauge(Id::PoolInUse, "db_connection_pool_in_use", &["pool"])
        .help("Connections of a pool that somebody uses."),
    gauge(Id::PoolMax, "db_connection_pool_max", &["pool"])
        .help("Connections that a pool may have at most."),
    gauge(Id::RedisMemoryUsed, "redis_memory_used_bytes", &["name"])
        .unit(Unit::Bytes)
        .help("Memory that Redis uses."),
    gauge(Id::RedisMemoryMax, "redis_memory_max_bytes", &["name"])
        .unit(Unit::Bytes)
        .help("Memory that Redis may use. Absent without a limit."),
    gauge(Id::RedisHitRatio, "redis_keyspace_hit_ratio", &["name"])
        .help("Share of lookups in Redis that found their key, between the last two answers."),
    gauge(Id::RedisClients, "redis_connected_clients", &["name"])
        .help("Clients that are connected to Redis."),
    counter(Id::RedisEvicted, "redis_evicted_keys_total", &["name"])
        .help("Keys that Redis gave up for memory."),
    gauge(Id::PostgresSize, "postgres_database_size_bytes", &["name"])
        .unit(Unit::Bytes)
        .help("Bytes of a database of PostgreSQL on its disk."),
    gauge(Id::PostgresConnections, "postgres_connections", &["name"])
        .help("Connections to the database of PostgreSQL, of all its clients."),
    gauge(Id::PostgresMax, "postgres_connections_max", &["name"])
        .help("Connections that the server of PostgreSQL takes at most."),
    counter(Id::ProcessCpu, "process_cpu_seconds_total", &[])
        .unit(Unit::Seconds)
        .help("Time of processors that the process used, in seconds.")
        .opt_in(),
    gauge(Id::ProcessOpenFds, "process_open_fds", &[])
        .help("Open file descriptors of the process.")
        .opt_in(),
    gauge(Id::ProcessMaxFds, "process_max_fds", &[])
        .help("File descriptors that the process may have open at most.")
        .opt_in(),
    gauge(Id::ProcessVirtual, "process_virtual_memory_bytes", &[])
        .unit(Unit::Bytes)
        .help("Virtual memory of the process.")
        .opt_in(),
    gauge(
        Id::ProcessVirtualMax,
        "process_virtual_memory_max_bytes",
        &[],
    )
    .unit(Unit::Bytes)
    .help("Virtual memory that the process may have at most.")
    .opt_in(),
    gauge(Id::ProcessResident, "process_resident_memory_bytes", &[])
        .unit(Unit::Bytes)
        .help("Resident memory of the process.")
        .opt_in(),
    gauge(Id::ProcessStart, "process_start_time_seconds", &[])
        .unit(Unit::Seconds)
        .help("When the process started, in seconds since 1970.")
        .opt_in(),
    gauge(Id::ProcessThreads, "process_threads", &[])
        .help("Threads of the process.")
        .opt_in(),
    gauge(Id::MemoryUsage, "memory_usage_bytes", &[])
        .unit(Unit::Bytes)
        .help("Working set of the container, or memory in use on the host without a limit.")
        .opt_in(),
    gauge(Id::MemoryPercent, "memory_usage_percent", &[])
        .help("The same in per cent of the container's limit, or of the host's memory.")
        .opt_in(),
    gauge(Id::CpuPercent, "cpu_usage_percent", &[])
        .help("Time of processors that the process used lately, in per cent of one processor.")
        .opt_in(),
    counter(Id::DiskRead, "host_disk_read_bytes_total", &["device"])
        .unit(Unit::Bytes)
        .help("Bytes that were read from a disk of the host.")
        .opt_in(),
    counter(
        Id::DiskWritten,
        "host_disk_written_bytes_total",
        &["device"],
    )
    .unit(Unit::Bytes)
    .help("Bytes that were written to a disk of the host.")
    .opt_in(),
    counter(
        Id::NetworkReceived,
        "host_network_receive_bytes_total",
        &["device"],
    )
    .unit(Unit::Bytes)
    .help("Bytes that the host received on a network interface.")
    .opt_in(),
    counter(
        Id::NetworkSent,
        "host_network_transmit_bytes_total",
        &["device"],
    )
    .unit(Unit::Bytes)
    .help("Bytes that the host sent on a network interface.")
    .opt_in(),
    gauge(Id::DiskFree, "disk_free_bytes", &["path"])
        .unit(Unit::Bytes)
        .help("Bytes of a file system that are free for every user."),
    gauge(Id::DiskSize, "disk_size_bytes", &["path"])
        .unit(Unit::Bytes)
        .help("Bytes of a file system, in use or free."),
    gauge(Id::TokioWorkers, "tokio_workers", &[])
        .help("Worker threads of the Tokio runtime.")
        .opt_in(),
    gauge(Id::TokioBusy, "tokio_workers_busy_ratio", &[])
        .help("Share of the time in which workers of the Tokio runtime were busy lately.")
        .opt_in(),
    gauge(Id::TokioTasks, "tokio_alive_tasks", &[])
        .help("Tasks of the Tokio runtime that have not ended.")
        .opt_in(),
    gauge(Id::TokioLag, "tokio_scheduling_lag_seconds", &[])
        .unit(Unit::Seconds)
        .help("The longest time lately that a task of the Tokio runtime waited for its turn.")
        .opt_in(),
    gauge(
        Id::CertificateExpiry,
        "tls_certificate_expiry_timestamp_seconds",
        &["host"],
    )
    .unit(Unit::Seconds)
    .help("When the certificate of a host expires, in seconds since 1970."),
    gauge(Id::SampleAge, "vitals_sample_age_seconds", &["sampler"])
        .unit(Unit::Seconds)
        .help("How old the last answer of a sampler is, or how long it has given none."),
    gauge(Id::AlertState, "vitals_alert_state", &["alert"]).help(
        "State of an alert: 0 inactive or resolved, 1 pending, 2 firing, -1 without data, -2 not to be judged.",
    ),
    counter(
        Id::AlertEvaluations,
        "vitals_alert_evaluations_total",
        &["outcome"],
    )
    .help("Evaluations of rules, by the way they ended: success, no_data or error."),
    gauge(
        Id::AlertLastEvaluation,
        "vitals_alert_last_evaluation_timestamp_seconds",
        &[],
    )
    .unit(Unit::Seconds)
    .help("When rules were evaluated last, in seconds since 1970."),
    counter(
        Id::Notifications,
        "vitals_notifications_total",
        &["notifier", "outcome"],
    )
    .help("Notifications, by the notifier and what became of them: sent, dropped, refused or failed."),
    gauge(Id::FleetUp, "vitals_fleet_up", &[])
        .help("Whether the last write to the Redis of the fleet arrived: 1, else 0."),
    counter(Id::FleetWrites, "vitals_fleet_writes_total", &["outcome"]).help(
        "Writes to the Redis of the fleet, by what became of them: written, unreachable, timeout or refused.",
    ),
];
