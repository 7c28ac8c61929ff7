//! Collects the settings and facts that come from further in: from inner layers and from the handler.

use std::sync::Arc;

use http::HeaderName;

use super::{
    evidence::Evidence, handler_context::HandlerContext, log_policy::LogPolicy,
    report_policy::ReportPolicy, route::Endpoint, rules::Rules, severity::SeverityBands,
};

/// What inner layers and the handler set for one request. The innermost value wins, unless a field says otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) bands: Option<&'static SeverityBands>,
    /// The severity follows from the time to the end of the response, not from the time to its head.
    pub(crate) judge_at_end: bool,
    /// The sizes of the bodies are counted.
    pub(crate) body_sizes: bool,
    /// Boxed, since few requests have any of it.
    rare: Option<Box<RareOverrides>>,
}

/// What inner layers and the handler set for few requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct RareOverrides {
    /// The rules of a route. They are asked before those of the active layer.
    pub(crate) route_rules: Option<Arc<Rules>>,
    /// The rules of the active layer, if they choose statuses.
    pub(crate) answer_rules: Option<Arc<Rules>>,
    pub(crate) evidence: Option<Box<Evidence>>,
    pub(crate) handler: Option<Arc<HandlerContext>>,
    /// The report policy of a route. It replaces that of the active layer.
    pub(crate) report_policy: Option<Arc<ReportPolicy>>,
    /// What a route says about its event in the log. It is asked before the active layer.
    pub(crate) log_policy: Option<Arc<LogPolicy>>,
    /// The header of a route for the id, beside that of the active layer.
    pub(crate) id_header: Option<Box<HeaderName>>,
}

// === impl Overrides ===

impl Overrides {
    /// What few requests have.
    pub(crate) fn rare(&self) -> &RareOverrides {
        static NONE: RareOverrides = RareOverrides {
            route_rules: None,
            answer_rules: None,
            evidence: None,
            handler: None,
            report_policy: None,
            log_policy: None,
            id_header: None,
        };
        self.rare.as_deref().unwrap_or(&NONE)
    }

    /// The same, to be changed.
    pub(crate) fn rare_mut(&mut self) -> &mut RareOverrides {
        self.rare.get_or_insert_default()
    }

    /// Forgets all, and keeps the memory.
    pub(super) fn clear(&mut self) {
        let mut rare = self.rare.take();
        if let Some(rare) = &mut rare {
            **rare = RareOverrides::default();
        }
        *self = Self {
            rare,
            ..Self::default()
        };
    }
}
