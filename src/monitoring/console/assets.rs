//! Holds the files of the page. Each is in the program, and none is read from a disk.

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::monitoring) struct Asset {
    /// Below the path of the API.
    pub(in crate::monitoring) path: &'static str,
    pub(super) kind: &'static str,
    pub(super) text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

macro_rules! asset {
    ($path:literal, $kind:ident, $file:literal) => {
        Asset {
            path: $path,
            kind: $kind,
            text: include_str!($file),
        }
    };
}

/// All of them. The document of the API, `tests/monitoring/openapi.json`, has the same paths.
pub(in crate::monitoring) const ASSETS: [Asset; 23] = [
    asset!("/", HTML, "index.html"),
    asset!("/console/console.css", STYLE, "console.css"),
    asset!("/console/icon.svg", IMAGE, "icon.svg"),
    asset!("/console/console.js", SCRIPT, "console.js"),
    asset!("/console/poll.js", SCRIPT, "poll.js"),
    asset!("/console/token.js", SCRIPT, "token.js"),
    asset!("/console/dom.js", SCRIPT, "dom.js"),
    asset!("/console/words.js", SCRIPT, "words.js"),
    asset!("/console/charts.js", SCRIPT, "charts.js"),
    asset!("/console/tables.js", SCRIPT, "tables.js"),
    asset!("/console/now.js", SCRIPT, "now.js"),
    asset!("/console/endpoints.js", SCRIPT, "endpoints.js"),
    asset!("/console/errors.js", SCRIPT, "errors.js"),
    asset!("/console/health.js", SCRIPT, "health.js"),
    asset!("/console/actions.js", SCRIPT, "actions.js"),
    asset!("/console/alerts.js", SCRIPT, "alerts.js"),
    asset!("/console/bars.js", SCRIPT, "bars.js"),
    asset!("/console/plot.js", SCRIPT, "plot.js"),
    asset!("/console/verdict.js", SCRIPT, "verdict.js"),
    asset!("/console/deployments.js", SCRIPT, "deployments.js"),
    asset!("/console/instances.js", SCRIPT, "instances.js"),
    asset!("/console/inside.js", SCRIPT, "inside.js"),
    asset!("/console/summary.js", SCRIPT, "summary.js"),
];

// === impl Asset ===

impl Asset {
    /// The file at a path below that of the API.
    pub(super) fn at(rest: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|asset| asset.path == rest)
    }

    /// Tells this text from others: a hash of 64 bits, by FNV-1a. Nobody trusts it.
    pub(super) fn tag(&self) -> String {
        let hash = self
            .text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("\"{hash:016x}\"")
    }
}
