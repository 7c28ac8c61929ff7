//! Holds the settings and the observer of a layer, for all services that the layer makes.

use std::{fmt, ops::Deref, sync::Arc};

use super::{Observer, PanicAnswer};
use crate::{
    exclude::{Exclusion, OwnPaths},
    facts::{evidence::Needs, layer_kinds::LayerKinds},
    metrics::Metrics,
};

/// The settings and the observer of a layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engine<O: ?Sized = dyn Observer> {
    pub(crate) exclude: Exclusion,
    /// The paths at which routes of this crate may answer.
    pub(crate) own_paths: OwnPaths,
    /// Where the layer counts. The counters of the process if `None`.
    pub(crate) metrics: Option<Metrics>,
    /// The kinds of layer whose work the engine does itself.
    pub(crate) own: LayerKinds,
    /// How panics of the inner service are answered. They pass through if `None`.
    pub(crate) panics: Option<PanicAnswer>,
    pub(crate) observer: O,
}

/// What an engine claims of each exchange: the kinds of layer that it is, and what it needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) kinds: LayerKinds,
    pub(super) needs: Needs,
}

/// A handle to an engine.
#[derive(Clone)]
pub(crate) enum EngineHandle {
    /// The engine lives as long as a service or a request has it.
    Counted(Arc<Engine>),
    /// The engine lives as long as the process. Routers clone a service for each request, and to count the clones, all threads
    /// would write to one cache line.
    OfProcess(&'static Engine),
}

// === impl Engine ===

impl<O> Engine<O> {
    /// The engine of a layer with this observer, and the defaults.
    pub(crate) fn of(observer: O) -> Self {
        Self {
            exclude: Exclusion::default(),
            own_paths: OwnPaths::default(),
            metrics: None,
            own: LayerKinds::NONE,
            panics: None,
            observer,
        }
    }
}

impl Engine {
    /// Each service asks once, and not for each request: every observer is asked.
    pub(super) fn claim(&self) -> Claim {
        Claim {
            kinds: self.own.and(self.observer.kinds()),
            needs: self.observer.needs(),
        }
    }
}

// === impl EngineHandle ===

impl EngineHandle {
    /// A handle to an engine that is never dropped.
    pub(crate) fn of_process(engine: Engine<impl Observer + 'static>) -> Self {
        Self::OfProcess(Box::leak(Box::new(engine)))
    }
}

impl Deref for EngineHandle {
    type Target = Engine;

    #[inline(always)]
    fn deref(&self) -> &Engine {
        match self {
            Self::Counted(engine) => engine,
            Self::OfProcess(engine) => engine,
        }
    }
}

impl fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
