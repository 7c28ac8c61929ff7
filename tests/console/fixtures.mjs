// Makes what a service would say, in the form of `console.json`, for services of all kinds: quiet, in trouble, hostile, large.

const MINUTE = 60_000;
const BANDS = [100, 500, 2000];

/** A number that looks like chance and is the same each time. */
function chance(seed) {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const time = (at) => new Date(at).toISOString();
const round = (value, digits = 3) => Number(value.toFixed(digits));

/** Sixty minutes of a value around `level`; `bend` changes it in the last minutes. */
function minutes(seed, level, noise, bend = (_, value) => value) {
  const next = chance(seed);
  return Array.from({ length: 60 }, (_, index) => round(Math.max(0, bend(index, level * (1 + noise * (next() - 0.5)), next()))));
}

const ENDPOINTS = [
  ["GET", "/products", 1840, 4.1, 0],
  ["GET", "/products/{id}", 1204, 6.8, 0],
  ["GET", "/search", 611, 31, 0.001],
  ["POST", "/orders", 402, 44, 0.002],
  ["GET", "/orders/{id}", 377, 12, 0],
  ["POST", "/login", 148, 96, 0],
  ["GET", "/invoices/{id}", 92, 240, 0],
  ["PATCH", "/customers/{id}", 61, 18, 0],
  ["DELETE", "/carts/{id}/items/{item}", 47, 9, 0],
  ["POST", "shop.v1.Stock/Reserve", 44, 15, 0],
];

const COLUMNS = [
  "method",
  "endpoint",
  "requests",
  "errors",
  "client_errors",
  "error_rate",
  "mean_ms",
  "p50_ms",
  "p95_ms",
  "p99_ms",
  "max_ms",
  "total_ms",
  "normal",
  "slow",
  "warning",
  "critical",
  "trend",
];

function endpoint([method, route, requests, p50, share], seed, slow = 1) {
  const errors = Math.round(requests * share);
  const next = chance(seed);
  const [p95, p99, max] = [p50 * 2.3 * slow, p50 * 3.4 * slow, p50 * 5.2 * slow];
  const critical = errors + (p99 > BANDS[2] ? Math.round(requests * 0.02) : 0);
  const warning = p95 > BANDS[1] ? Math.round(requests * 0.08) : 0;
  const late = p95 > BANDS[0] ? Math.round(requests * 0.12) : 0;
  const trend = Array.from({ length: 12 }, () => Math.round(requests * (0.8 + 0.4 * next())));
  return [
    method,
    route,
    requests,
    errors,
    Math.round(requests * 0.01),
    requests ? round(errors / requests, 5) : null,
    round(p50 * 1.2),
    round(p50),
    round(p95),
    round(p99),
    round(max),
    round(p50 * 1.2 * requests),
    requests - critical - warning - late,
    late,
    warning,
    critical,
    trend,
  ];
}

function work(name, calls, p50, errors = 0) {
  const outcomes = { cancelled: 0, error: errors, panicked: 0, success: calls - errors, timeout: 0 };
  return {
    ...name,
    calls,
    errors,
    cancelled: 0,
    outcomes,
    error_rate: calls ? round(errors / calls, 5) : null,
    mean_ms: round(p50 * 1.2),
    p50_ms: p50,
    p95_ms: round(p50 * 2.4),
    p99_ms: round(p50 * 3.6),
    max_ms: round(p50 * 6),
    total_ms: round(p50 * 1.2 * calls),
    last_updated: null,
  };
}

function check(name, role, status, at, strip, error = null) {
  const begin = time(at - 60 * MINUTE);
  return {
    name,
    status,
    role,
    latency_ms: status === "unhealthy" ? 2000 : 1.8,
    answered_at: time(at - 3_000),
    last_success: status === "unhealthy" ? time(at - 14 * MINUTE) : time(at - 3_000),
    last_change: status === "healthy" ? time(at - 26 * 60 * MINUTE) : time(at - 14 * MINUTE),
    runs: 8123,
    error,
    strip: { begin, step_seconds: 60, statuses: strip },
  };
}

const always = (word) => Array.from({ length: 60 }, () => word);
const lately = (word, from) => Array.from({ length: 60 }, (_, index) => (index >= from ? word : "healthy"));

function rule(name, signal, unit, threshold, severity, summary, value, state = "inactive", comparison = "above") {
  return {
    name,
    severity,
    signal,
    unit,
    comparison,
    threshold,
    window_seconds: 300,
    pending_for_seconds: 120,
    summary,
    runbook: "https://wiki.example.com/runbooks/shop",
    endpoint: null,
    method: null,
    each_endpoint: false,
    state,
    value,
    firing: state === "firing" ? 1 : 0,
    pending: state === "pending" ? 1 : 0,
  };
}

function alert(one, at, more = {}) {
  return {
    name: one.name,
    severity: one.severity,
    message: `${one.summary}: ${one.value} (threshold ${one.threshold})`,
    timestamp: time(at),
    metric_value: one.value,
    threshold: one.threshold,
    fingerprint: more.fingerprint ?? "6f1d2c3b4a5e6f70",
    labels: {},
    state: one.state,
    signal: one.signal,
    summary: one.summary,
    runbook: one.runbook,
    acknowledged_by: null,
    acknowledged_at: null,
    muted: null,
    error: null,
    ...more,
  };
}

function instance(id, at, more = {}) {
  return {
    id,
    version: "2.7.1",
    started: time(at - 3.2 * 60 * MINUTE),
    last_seen: time(at - 6_000),
    lost: false,
    ended: false,
    requests: 4_870,
    errors: 0,
    p50_ms: 7.3,
    p95_ms: 104.2,
    p99_ms: 281.2,
    p95_to_others: 1.02,
    slow: false,
    other_settings: false,
    health: "healthy",
    ...more,
  };
}

/** Three instances of a service. */
function fleet(at, instances = ["x2kzq", "9fwbn", "tt4lc"].map((id) => instance(`shop-6d9f7c5b48-${id}`, at))) {
  return {
    joined: true,
    trouble: null,
    read_at: time(at - 2_000),
    window_seconds: 300,
    requests: instances.reduce((sum, { requests }) => sum + requests, 0),
    errors: instances.reduce((sum, { errors }) => sum + errors, 0),
    p95_ms: 106.1,
    instances_count: instances.length,
    instances,
  };
}

/** Of five instances one is slow, one is lost, and one has other thresholds. */
export function oddFleet(at) {
  return fleet(at, [
    instance("shop-1", at),
    instance("shop-2", at, { p95_ms: 918, p50_ms: 31, p95_to_others: 8.81, slow: true, errors: 12, health: "degraded" }),
    instance("shop-3", at, { last_seen: time(at - 4 * MINUTE), lost: true, requests: 212, p95_to_others: 0.98 }),
    instance("shop-4", at, { other_settings: true, version: "2.7.0" }),
    instance("shop-5", at, { requests: 3, p95_to_others: null, health: null }),
    instance("shop-0", at, { ended: true, other_settings: true }),
  ]);
}

/** A service without a worry. `at` is the time of the service. */
export function quiet(at = Date.now()) {
  const begin = at - 60 * MINUTE;
  const rate = minutes(1, 16.2, 0.35, (index, value) => value * (1 + 0.15 * Math.sin(index / 9)));
  const requests = rate.map((value) => Math.round(value * 60));
  const rows = ENDPOINTS.map((one, index) => endpoint(one, index + 7));
  const rules = [
    rule("high_error_rate", "error_rate_percent", "percent", 5, "critical", "Many requests fail", 0.02),
    rule("slow_response_time", "p95_ms", "milliseconds", 2000, "warning", "Responses are slow", 104.2),
    rule("high_memory_usage", "memory_usage_percent", "percent", 80, "warning", "Memory is short", 41.3),
    rule("circuit_breaker_open", "circuit_breaker_open_count", "count", 0, "warning", "A circuit is open", 0),
    rule("disk_space", "disk_free_percent", "percent", 10, "critical", "The disk is almost full", 63.1, "inactive", "below"),
    rule("rollup_overdue", "job_age", "seconds", 95_040, "warning", "The nightly rollup is late", 31_822),
  ];
  const deployed = at - 3.2 * 60 * MINUTE;
  return {
    cursor: `q${at}`,
    whole: true,
    timestamp: time(at),
    service: {
      name: "shop",
      version: "2.7.1",
      environment: "production",
      instance: "shop-6d9f7c5b48-x2kzq",
      started_at: time(deployed - 40_000),
      access: "token",
      may_change: true,
      poll_ms: 2000,
      sentry: true,
    },
    now: {
      window_seconds: 60,
      covered_seconds: 60,
      requests: 974,
      errors: 0,
      requests_per_second: 16.2333,
      error_rate: 0,
      p50_ms: 7.31,
      p95_ms: 104.2,
      p99_ms: 281.2,
      max_ms: 777.5,
      in_flight: 4,
      severities: { normal: 921, slow: 48, warning: 5, critical: 0 },
      bands_ms: BANDS,
    },
    stuck: { watched: true, count: 0, requests: [] },
    hour: {
      begin: time(begin),
      step_seconds: 60,
      requests_per_second: rate,
      error_rate: minutes(2, 0.0006, 2, (_, value, luck) => (luck > 0.8 ? value : 0)).map((value) => round(value, 5)),
      p50_ms: minutes(3, 7.4, 0.2),
      p95_ms: minutes(4, 101, 0.2),
      p99_ms: minutes(5, 274, 0.3),
      in_flight: minutes(6, 4, 1.2).map(Math.round),
      normal: requests.map((value) => Math.round(value * 0.945)),
      slow: requests.map((value) => Math.round(value * 0.05)),
      warning: requests.map((value) => Math.round(value * 0.005)),
      critical: always(0),
    },
    endpoints: {
      window_seconds: 300,
      covered_seconds: 300,
      endpoints_count: rows.length,
      columns: COLUMNS,
      rows,
      trend: { begin: time(begin), step_seconds: 300 },
    },
    errors: {
      window_seconds: 300,
      errors_count: 9,
      errors: [
        { category: "not_found", endpoint: "/products/{id}", count: 7, share: 0.7778, previous: 9, change: -2 },
        { category: "validation", endpoint: "/orders", count: 2, share: 0.2222, previous: 2, change: 0 },
      ],
      hour: {
        begin: time(begin),
        step_seconds: 60,
        categories: { not_found: minutes(8, 1.6, 1.6).map(Math.round), validation: minutes(9, 0.6, 2).map(Math.round) },
      },
    },
    failures: {
      most: 50,
      total: 1,
      failures: [
        {
          at: time(at - 47 * MINUTE),
          request_id: "0192f3a4-7c1e-7b90-a1d2-5be0c7f8e913",
          method: "GET",
          endpoint: "/search",
          status: 504,
          grpc_status: null,
          category: "timeout",
          cause: "deadline has elapsed",
          duration_ms: 5000.4,
          outcome: "completed",
        },
      ],
    },
    health: {
      status: "healthy",
      draining: false,
      errors_shown: true,
      checks: [
        check("database", "critical", "healthy", at, always("healthy")),
        check("cache", "optional", "healthy", at, always("healthy")),
        check("stock", "optional", "healthy", at, always("healthy")),
        check("disk", "informational", "healthy", at, always("healthy")),
      ],
    },
    alerts: { last_evaluation: time(at - 21_000), rules, alerts: [] },
    history: {
      history: [
        {
          ...alert({ ...rules[1], value: 2210, state: "resolved" }, at - 11 * 60 * MINUTE),
          resolved_at: time(at - 10.8 * 60 * MINUTE),
          resolve_reason: "recovered",
        },
      ],
    },
    silences: { silences: [] },
    deployments: {
      deployments_count: 2,
      deployments: [
        {
          version: "2.7.1",
          at: time(deployed),
          environment: "production",
          by: "ci",
          changes: "Search asks the replica",
          error_rate_before: 0.0004,
          error_rate_after: 0.0002,
          p95_ms_before: 131.8,
          p95_ms_after: 104.2,
          more_errors: false,
        },
        {
          version: "2.7.0",
          at: time(at - 29 * 60 * MINUTE),
          environment: "production",
          by: "ci",
          changes: "Invoices as PDF",
          error_rate_before: 0.0003,
          error_rate_after: 0.0004,
          p95_ms_before: 128.4,
          p95_ms_after: 131.8,
          more_errors: false,
        },
      ],
    },
    instances: fleet(at),
    notifiers: {
      notifiers: [
        {
          name: "slack",
          sent: 14,
          failed: 0,
          refused: 0,
          dropped: 0,
          waiting: 0,
          last_sent_at: time(at - 10.8 * 60 * MINUTE),
          last_failure_at: null,
          last_failure: null,
        },
        {
          name: "pagerduty",
          sent: 3,
          failed: 1,
          refused: 0,
          dropped: 0,
          waiting: 0,
          last_sent_at: time(at - 10.8 * 60 * MINUTE),
          last_failure_at: time(at - 19 * 60 * MINUTE),
          last_failure: "later",
        },
      ],
    },
    inside: inside(0),
  };
}

function inside(failed) {
  return {
    window_seconds: 300,
    outbound: [work({ service: "stock" }, 402, 28), work({ service: "payments" }, 388, 61, failed)],
    operations: [work({ name: "price_cart" }, 402, 3.1), work({ name: "render_invoice" }, 92, 188)],
    queries: [
      work({ operation: "SELECT", table: "products" }, 3044, 1.4),
      work({ operation: "INSERT", table: "orders" }, 402, 4.9),
      work({ operation: "SELECT", table: "invoices" }, 92, 31),
    ],
    jobs: [work({ job: "send_mail" }, 61, 240)],
    circuits: { payments: failed ? "open" : "closed", stock: "closed" },
    samples: {
      'db_connection_pool_size{pool="primary"}': 8,
      'db_connection_pool_idle{pool="primary"}': failed ? 0 : 5,
      'db_connection_pool_in_use{pool="primary"}': failed ? 8 : 3,
      'db_connection_pool_max{pool="primary"}': 10,
      process_resident_memory_bytes: 88_211_456,
      process_open_fds: 61,
      process_threads: 14,
      memory_usage_percent: 41.3,
      cpu_usage_percent: 18.4,
      tokio_workers: 4,
      tokio_workers_busy_ratio: 0.12,
      tokio_scheduling_lag_seconds: 0.0011,
      'job_queue_length{queue="mail"}': 2,
      'disk_free_bytes{path="/var/lib"}': 21_474_836_480,
    },
    application: {
      columns: ["kind", "name", "value", "count", "sum"],
      rows: [
        ["counter", 'orders_total{channel="web"}', 17_204, null, null],
        ["counter", 'orders_total{channel="app"}', 9_377, null, null],
        ["gauge", "carts_open", 212, null, null],
        ["histogram", "order_value", null, 26_581, 1_402_772.4],
      ],
    },
    left_out: { outbound: 0, operations: 0, queries: 0, jobs: 0, samples: 0, application: 0 },
  };
}

/** The same service fourteen minutes after a bad deployment, with a gap in what was observed. */
export function trouble(at = Date.now()) {
  const since = 46;
  const calm = quiet(at);
  const deployed = at - 14.6 * MINUTE;
  const gap = (values) => values.map((value, index) => (index >= 17 && index < 22 ? null : value));
  const worse = (seed, level, noise, factor) =>
    gap(
      minutes(seed, level, noise, (index, value) =>
        index >= since ? value * (1 + (factor - 1) * Math.min(1, (index - since + 1) / 5)) : value,
      ),
    );
  const rate = gap(calm.hour.requests_per_second.map((value, index) => (index >= since ? round(value * 0.82) : value)));
  const part = (share, after) =>
    gap(rate.map((value, index) => Math.round((value ?? 0) * 60 * (index >= since ? after : share))));
  const rows = ENDPOINTS.map((one, index) => {
    const hit = one[1] === "/orders" || one[1] === "/orders/{id}" || one[1].startsWith("shop.v1");
    return endpoint(hit ? [one[0], one[1], one[2], one[3] * 6, 0.31] : one, index + 7, hit ? 9 : 1.3);
  });
  const rules = calm.alerts.rules.map((one) => ({ ...one }));
  Object.assign(rules[0], { value: 11.42, state: "firing", firing: 1 });
  Object.assign(rules[1], { value: 2402.1, state: "firing", firing: 1 });
  Object.assign(rules[2], { value: 78.6 });
  Object.assign(rules[3], { value: 1, state: "firing", firing: 1 });
  rules.push({
    ...rule("orders_fail", "error_rate_percent", "percent", 2, "critical", "Customers cannot order", 31, "firing"),
    endpoint: "/orders",
    method: "POST",
  });
  rules.push(
    rule("database_pool_full", "pool_usage_percent", "percent", 75, "warning", "The pool is almost empty", 80, "pending"),
  );
  rules.push(rule("queue_length", "queue_length", "count", 100, "info", "Mails wait", null, "no_data"));
  const alerts = [
    alert(rules[6], at - 11 * MINUTE, {
      fingerprint: "a1b2c3d4e5f60718",
      labels: { endpoint: "/orders", method: "POST" },
      acknowledged_by: "ada",
      acknowledged_at: time(at - 8 * MINUTE),
    }),
    alert(rules[0], at - 10 * MINUTE, { fingerprint: "1f2e3d4c5b6a7980" }),
    alert(rules[1], at - 9 * MINUTE, { fingerprint: "99aabbccddeeff00", muted: { silenced: 7 } }),
    alert(rules[3], at - 12 * MINUTE, { fingerprint: "0011223344556677", labels: { circuit: "payments" } }),
    alert(rules[7], at - 90_000, { fingerprint: "5566778899aabbcc", labels: { pool: "primary" } }),
    alert(rules[8], at - 60 * MINUTE, { fingerprint: "ffeeddccbbaa9988", labels: { queue: "mail" } }),
  ];
  const history = alerts.slice(0, 4).map((one) => ({ ...one, resolved_at: null, resolve_reason: null }));
  const causes = [
    "error returned from database: too many clients already",
    "deadline has elapsed: payments did not answer within 3 s",
    "connection refused (os error 111)",
  ];
  const next = chance(40);
  const failures = Array.from({ length: 50 }, (_, index) => {
    const kind = Math.floor(next() * 3);
    return {
      at: time(at - index * 9_300 - next() * 4_000),
      request_id: `0192f3b${index.toString(16)}-${(4096 + Math.floor(next() * 60_000)).toString(16)}-7b90-a1d2-5be0c7f8e9${(16 + index).toString(16)}`,
      method: "POST",
      endpoint: index % 7 === 0 ? "/orders/{id}" : "/orders",
      status: kind === 1 ? 504 : 500,
      grpc_status: null,
      category: ["database", "timeout", "external_service"][kind],
      cause: causes[kind],
      duration_ms: round(kind === 1 ? 3000 + next() * 20 : 40 + next() * 300),
      outcome: "completed",
    };
  });
  return {
    ...calm,
    cursor: `t${at}`,
    now: {
      ...calm.now,
      requests: 801,
      errors: 91,
      requests_per_second: 13.35,
      error_rate: 0.11361,
      p50_ms: 22.4,
      p95_ms: 2402.1,
      p99_ms: 3010.5,
      max_ms: 5002.2,
      in_flight: 61,
      severities: { normal: 512, slow: 121, warning: 66, critical: 102 },
    },
    service: { ...calm.service, version: "2.8.0", started_at: time(deployed - 20_000) },
    stuck: {
      watched: true,
      count: 6,
      requests: Array.from({ length: 6 }, (_, index) => ({
        method: "POST",
        endpoint: "/orders",
        request_id: `0192f3c${index}-11aa-7b90-a1d2-5be0c7f8e900`,
        since: time(at - 48_000 + index * 6_000),
      })),
    },
    hour: {
      ...calm.hour,
      requests_per_second: rate,
      error_rate: worse(22, 0.0006, 1.4, 190).map((value) => (value === null ? null : round(value, 5))),
      p50_ms: worse(23, 7.4, 0.2, 3),
      p95_ms: worse(24, 101, 0.2, 23),
      p99_ms: worse(25, 274, 0.3, 11),
      in_flight: worse(26, 4, 1.2, 15).map((value) => (value === null ? null : Math.round(value))),
      normal: part(0.945, 0.64),
      slow: part(0.05, 0.15),
      warning: part(0.005, 0.082),
      critical: part(0, 0.128),
    },
    endpoints: { ...calm.endpoints, rows },
    errors: {
      window_seconds: 300,
      errors_count: 478,
      errors: [
        { category: "database", endpoint: "/orders", count: 214, share: 0.4477, previous: 3, change: 211 },
        { category: "timeout", endpoint: "/orders", count: 121, share: 0.2531, previous: 0, change: 121 },
        { category: "external_service", endpoint: "/orders", count: 88, share: 0.1841, previous: 80, change: 8 },
        { category: "server_error", endpoint: "/orders/{id}", count: 47, share: 0.0983, previous: 41, change: 6 },
        { category: "not_found", endpoint: "/products/{id}", count: 8, share: 0.0167, previous: 9, change: -1 },
      ],
      hour: {
        begin: calm.hour.begin,
        step_seconds: 60,
        categories: {
          server_error: worse(30, 0.4, 2, 22).map((value) => (value === null ? null : Math.round(value))),
          database: worse(31, 0.3, 2, 140).map((value) => (value === null ? null : Math.round(value))),
          timeout: worse(32, 0.2, 2, 120).map((value) => (value === null ? null : Math.round(value))),
          external_service: worse(33, 0.3, 2, 60).map((value) => (value === null ? null : Math.round(value))),
          not_found: gap(calm.errors.hour.categories.not_found),
        },
      },
    },
    failures: { most: 50, total: 1_204, failures },
    health: {
      status: "unhealthy",
      draining: false,
      errors_shown: true,
      checks: [
        check(
          "database",
          "critical",
          "unhealthy",
          at,
          lately("unhealthy", since),
          "timeout: no connection became free within 2 s",
        ),
        check("stock", "optional", "degraded", at, lately("degraded", since + 3), "answered after 1.4 s"),
        check("cache", "optional", "healthy", at, gap(always("healthy"))),
        check("disk", "informational", "healthy", at, gap(always("healthy"))),
      ],
    },
    alerts: { last_evaluation: time(at - 21_000), rules, alerts },
    history: { history: [...history, ...calm.history.history] },
    silences: {
      silences: [
        {
          id: 7,
          labels: { alert: "slow_response_time" },
          from: time(at - 8 * MINUTE),
          until: time(at + 52 * MINUTE),
          by: "ada",
          comment: "follows from the database",
        },
      ],
    },
    deployments: {
      deployments_count: 3,
      deployments: [
        {
          version: "2.8.0",
          at: time(deployed),
          environment: "production",
          by: "ci",
          changes: "Orders are written in one transaction",
          error_rate_before: 0.0002,
          error_rate_after: 0.1042,
          p95_ms_before: 104.2,
          p95_ms_after: 2249.7,
          more_errors: true,
        },
        ...calm.deployments.deployments,
      ],
    },
    instances: oddFleet(at),
    notifiers: {
      notifiers: [
        calm.notifiers.notifiers[0],
        { ...calm.notifiers.notifiers[1], failed: 9, waiting: 2, last_failure_at: time(at - 40_000) },
      ],
    },
    inside: inside(57),
  };
}

/** Names that would be markup, that turn the text around them, or that are very long. */
export const HOSTILE = [
  "<img src=x onerror=window.hacked=1>",
  "</script><script>window.hacked=1</script>",
  "\"'`><svg onload=window.hacked=1>",
  "javascript:window.hacked=1",
  "abc\u202Egnp.exe\u2066x\u2069\u200F",
  "line\u2028two\u2029three\u0000\u001b[31m\nfour",
  `long${"x".repeat(10_236)}`,
];

/** The service in trouble, with a hostile text in every place that takes one. */
export function hostile(at = Date.now()) {
  const all = trouble(at);
  let turn = 0;
  const name = () => HOSTILE[turn++ % HOSTILE.length];
  const each = (make) => HOSTILE.map(make);
  all.service = { ...all.service, name: HOSTILE[0], version: HOSTILE[1], environment: HOSTILE[4], instance: HOSTILE[2] };
  all.endpoints.rows = each((one, index) => endpoint([one, one, 10 + index, 4, 0], index));
  all.errors.errors = each((one) => ({ category: one, endpoint: one, count: 3, share: 0.1, previous: 0, change: 3 }));
  all.errors.hour.categories = Object.fromEntries(each((one) => [one, always(1)]));
  all.failures.failures = each((one) => ({
    at: time(at),
    request_id: one,
    method: one,
    endpoint: one,
    status: 500,
    grpc_status: null,
    category: one,
    cause: one,
    duration_ms: 1,
    outcome: one,
  }));
  all.failures.total = HOSTILE.length;
  all.stuck.requests = each((one) => ({ method: one, endpoint: one, request_id: one, since: time(at - 9_000) }));
  all.health.checks = each((one) => check(one, "critical", "unhealthy", at, always("unhealthy"), one));
  all.alerts.rules = each((one) => ({
    ...rule(one, one, one, 5, "critical", one, 9, "firing"),
    endpoint: one,
    method: one,
    runbook: HOSTILE[3],
  }));
  all.alerts.alerts = all.alerts.rules.map((one, index) =>
    alert(one, at - MINUTE, {
      fingerprint: `00000000000000${10 + index}`,
      message: name(),
      labels: { [name()]: name() },
      runbook: HOSTILE[3],
      acknowledged_by: name(),
      acknowledged_at: time(at),
      muted: "flapping",
      error: name(),
    }),
  );
  all.history.history = all.alerts.alerts.map((one) => ({ ...one, resolved_at: time(at), resolve_reason: name() }));
  all.silences.silences = each((one, index) => ({
    id: index,
    labels: { [one]: one },
    from: time(at),
    until: time(at + MINUTE),
    by: one,
    comment: one,
  }));
  all.deployments.deployments = each((one, index) => ({
    version: one,
    at: time(at - (index + 1) * 5 * MINUTE),
    environment: one,
    by: one,
    changes: one,
    error_rate_before: null,
    error_rate_after: null,
    p95_ms_before: null,
    p95_ms_after: null,
    more_errors: null,
  }));
  all.instances = fleet(
    at,
    each((one, index) => instance(one, at - index, { version: one, health: one, other_settings: true })),
  );
  all.instances.trouble = HOSTILE[0];
  all.notifiers.notifiers = each((one) => ({
    name: one,
    sent: 1,
    failed: 1,
    refused: 0,
    dropped: 0,
    waiting: 0,
    last_sent_at: null,
    last_failure_at: time(at),
    last_failure: one,
  }));
  all.inside.outbound = each((one) => work({ service: one }, 3, 2));
  all.inside.operations = each((one) => work({ name: one }, 3, 2));
  all.inside.queries = each((one) => work({ operation: one, table: one }, 3, 2));
  all.inside.jobs = each((one) => work({ job: one }, 3, 2));
  all.inside.circuits = Object.fromEntries(each((one) => [one, one]));
  all.inside.samples = Object.fromEntries(
    each((one) => [
      `db_connection_pool_size{pool="${one.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"}`,
      3,
    ]),
  );
  all.inside.application.rows = each((one) => ["gauge", one, 1, null, null]);
  return all;
}

/** Two thousand endpoints, a thousand alerts in the history, and as many that fire. */
export function large(at = Date.now(), generation = 0) {
  const all = trouble(at);
  const next = chance(generation + 77);
  all.cursor = `l${at}-${generation}`;
  all.endpoints.rows = Array.from({ length: 2_000 }, (_, index) =>
    endpoint(
      [
        "GET",
        `/tenant-${index % 40}/resource-${index}/{id}`,
        1 + Math.floor(next() * 4_000),
        1 + next() * 80,
        next() > 0.95 ? 0.08 : 0,
      ],
      index,
    ),
  );
  all.endpoints.endpoints_count = 2_000;
  all.history.history = Array.from({ length: 1_000 }, (_, index) => ({
    ...alert({ ...all.alerts.rules[index % 5], value: index }, at - index * 80_000),
    fingerprint: (index + 4_096).toString(16).padStart(16, "0"),
    labels: { endpoint: `/resource-${index}` },
    resolved_at: time(at - index * 80_000 + 40_000),
    resolve_reason: "recovered",
  }));
  all.alerts.alerts = Array.from({ length: 1_000 }, (_, index) =>
    alert({ ...all.alerts.rules[index % 4], state: index % 3 ? "firing" : "pending" }, at - index * 1_000, {
      fingerprint: (index + 9_000).toString(16).padStart(16, "0"),
      labels: { endpoint: `/resource-${index}` },
    }),
  );
  return all;
}

/** A service that has just started: nothing has happened, and most is not known. */
export function empty(at = Date.now()) {
  const none = Array.from({ length: 60 }, () => null);
  const all = quiet(at);
  return {
    ...all,
    service: { ...all.service, name: null, version: null, instance: null, may_change: false, access: "loopback" },
    now: {
      ...all.now,
      covered_seconds: 0,
      requests: 0,
      errors: 0,
      requests_per_second: null,
      error_rate: null,
      p50_ms: null,
      p95_ms: null,
      p99_ms: null,
      max_ms: null,
      in_flight: 0,
      severities: { normal: 0, slow: 0, warning: 0, critical: 0 },
    },
    stuck: { watched: false, count: 0, requests: [] },
    hour: {
      ...all.hour,
      ...Object.fromEntries(
        [
          "requests_per_second",
          "error_rate",
          "p50_ms",
          "p95_ms",
          "p99_ms",
          "in_flight",
          "normal",
          "slow",
          "warning",
          "critical",
        ].map((key) => [key, none]),
      ),
    },
    endpoints: { ...all.endpoints, endpoints_count: 0, rows: [] },
    errors: { ...all.errors, errors_count: 0, errors: [], hour: { ...all.errors.hour, categories: {} } },
    failures: { most: 50, total: 0, failures: [] },
    health: { status: null, draining: false, errors_shown: false, checks: [] },
    alerts: { last_evaluation: null, rules: [], alerts: [] },
    history: { history: [] },
    deployments: { deployments_count: 0, deployments: [] },
    instances: {
      joined: false,
      trouble: null,
      read_at: null,
      window_seconds: 0,
      requests: 0,
      errors: 0,
      p95_ms: null,
      instances_count: 0,
      instances: [],
    },
    notifiers: { notifiers: [] },
    inside: {
      window_seconds: 300,
      outbound: [],
      operations: [],
      queries: [],
      jobs: [],
      circuits: {},
      samples: {},
      application: { columns: [], rows: [] },
      left_out: {},
    },
  };
}

/** The answer for one endpoint. */
export function details(all, { method, endpoint: route, window }) {
  const steps = { "15m": [15, 60], "1h": [60, 60], "24h": [48, 1800] }[window || "1h"];
  const [length, step] = steps;
  const spread = (values) => Array.from({ length }, (_, index) => values[Math.floor((index * 60) / length)] ?? null);
  const row = all.endpoints.rows.find((one) => one[0] === method && one[1] === route);
  const at = Date.parse(all.timestamp);
  const one = row ? Object.fromEntries(COLUMNS.map((name, index) => [name, row[index]])) : null;
  const series = Object.fromEntries(
    ["requests_per_second", "error_rate", "p50_ms", "p95_ms", "p99_ms", "normal", "slow", "warning", "critical"].map((key) => [
      key,
      spread(all.hour[key]),
    ]),
  );
  return {
    timestamp: all.timestamp,
    method,
    endpoint: route,
    window_seconds: length * step,
    begin: time(at - length * step * 1000),
    step_seconds: step,
    ...series,
    total: one && { ...one, statuses: { 200: one.requests - one.errors, 500: one.errors } },
    categories: one?.errors ? { database: one.errors } : {},
    bands_ms: BANDS,
  };
}
