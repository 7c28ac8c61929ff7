//! Stands in for the last failures without the monitoring API: nobody looks at them, so none is kept.

use crate::{facts::layer_kinds::LayerKinds, observe::Observer};

/// It is always off.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FailuresObserver;

// === impl FailuresObserver ===

impl Observer for FailuresObserver {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::NONE
    }
}
