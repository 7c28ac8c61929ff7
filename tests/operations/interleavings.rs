//! Polls random trees of calls in a random order, and compares what was counted with a model of it.

use std::{
    collections::BTreeMap,
    future::{self, Future},
    io::{Error, ErrorKind},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use futures::{FutureExt, future::join_all};
use proptest::{collection::vec, prelude::*};
use tower_vitals::{metrics::Metrics, monitored, query};

use super::counted::{durations, isolated};
use crate::panics::silence_panics_that_were_asked_for;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A call, and the calls in it.
#[derive(Clone, Debug)]
struct Call {
    name: usize,
    is_query: bool,
    /// How often it is pending before the calls in it begin.
    waits: u8,
    /// The calls in it run at once, and not one after the other.
    at_once: bool,
    /// What is around it takes its panic.
    caught: bool,
    calls: Vec<Self>,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Value,
    Fails,
    TimesOut,
    Panics,
}

/// What happens to one of the trees.
#[derive(Clone, Copy, Debug)]
enum Step {
    Poll(usize),
    Drop(usize),
}

type Counts = BTreeMap<(String, String), u64>;
type Running = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// What a call does, polled by hand: a model without futures.
struct Model<'a> {
    call: &'a Call,
    waits: u8,
    started: bool,
    ended: bool,
    calls: Vec<Self>,
}

#[derive(Clone, Copy, PartialEq)]
enum Polled {
    Pending,
    Ready,
    Panicked,
}

// === impl Call ===

impl Call {
    fn run(self, metrics: &Metrics) -> Running {
        let name = NAMES[self.name];
        let measured = match self.is_query {
            true => query("SELECT", name),
            false => monitored(name),
        };
        let calls: Vec<_> = self
            .calls
            .iter()
            .map(|call| call.clone().run(metrics))
            .collect();
        let work = measured.metrics(metrics).try_run(async move {
            for _ in 0..self.waits {
                pending_once().await;
            }
            match self.at_once {
                true => _ = join_all(calls).await,
                false => {
                    for call in calls {
                        let _ = call.await;
                    }
                }
            }
            match self.end {
                End::Value => Ok(()),
                End::Fails => Err(Error::from(ErrorKind::NotFound)),
                End::TimesOut => Err(Error::from(ErrorKind::TimedOut)),
                End::Panics => panic!("as asked"),
            }
        });
        match self.caught {
            true => Box::pin(AssertUnwindSafe(work).catch_unwind().map(|_| Ok(()))),
            false => Box::pin(work),
        }
    }
}

async fn pending_once() {
    let mut polled = false;
    future::poll_fn(|_| match std::mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

// === impl Model ===

impl<'a> Model<'a> {
    fn new(call: &'a Call) -> Self {
        Self {
            call,
            waits: call.waits,
            started: false,
            ended: false,
            calls: call.calls.iter().map(Model::new).collect(),
        }
    }

    fn poll(&mut self, counts: &mut Counts) -> Polled {
        if self.ended {
            return Polled::Ready;
        }
        self.started = true;
        if self.waits > 0 {
            self.waits -= 1;
            return Polled::Pending;
        }
        let mut pending = false;
        for place in 0..self.calls.len() {
            match self.calls[place].poll(counts) {
                Polled::Ready => {}
                Polled::Panicked => return self.panic(counts),
                Polled::Pending => {
                    pending = true;
                    if !self.call.at_once {
                        break;
                    }
                }
            }
        }
        if pending {
            return Polled::Pending;
        }
        let outcome = match self.call.end {
            End::Value => "success",
            End::Fails => "error",
            End::TimesOut => "timeout",
            End::Panics => return self.panic(counts),
        };
        self.count(outcome, counts);
        Polled::Ready
    }

    fn panic(&mut self, counts: &mut Counts) -> Polled {
        for call in &mut self.calls {
            call.drop(counts);
        }
        self.count("panicked", counts);
        match self.call.caught {
            true => Polled::Ready,
            false => Polled::Panicked,
        }
    }

    fn drop(&mut self, counts: &mut Counts) {
        if self.started && !self.ended {
            for call in &mut self.calls {
                call.drop(counts);
            }
            self.count("cancelled", counts);
        }
    }

    fn count(&mut self, outcome: &str, counts: &mut Counts) {
        self.ended = true;
        let name = NAMES[self.call.name].to_owned();
        let key = match self.call.is_query {
            true => ("SELECT".to_owned(), name),
            false => (name, outcome.to_owned()),
        };
        *counts.entry(key).or_default() += 1;
    }
}

fn call() -> impl Strategy<Value = Call> {
    let end = prop_oneof![
        4 => Just(End::Value),
        1 => Just(End::Fails),
        1 => Just(End::TimesOut),
        1 => Just(End::Panics),
    ];
    let alone = (
        0..NAMES.len(),
        any::<bool>(),
        0..3_u8,
        any::<bool>(),
        any::<bool>(),
        end,
    );
    let leaf = alone.prop_map(|(name, is_query, waits, at_once, caught, end)| Call {
        name,
        is_query,
        waits,
        at_once,
        caught,
        calls: Vec::new(),
        end,
    });
    leaf.clone().prop_recursive(3, 12, 3, move |inner| {
        (leaf.clone(), vec(inner, 0..3)).prop_map(|(call, calls)| Call { calls, ..call })
    })
}

fn steps(trees: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        9 => (0..trees).prop_map(Step::Poll),
        1 => (0..trees).prop_map(Step::Drop),
    ];
    vec(step, 0..24)
}

fn trees_and_steps() -> impl Strategy<Value = (Vec<Call>, Vec<Step>)> {
    vec(call(), 1..4).prop_flat_map(|trees| {
        let steps = steps(trees.len());
        (Just(trees), steps)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn counts_are_exact_in_every_order_of_polls_drops_and_panics(
        (trees, steps) in trees_and_steps()
    ) {
        silence_panics_that_were_asked_for();
        let metrics = isolated();
        let mut counts = Counts::new();
        let mut models: Vec<_> = trees.iter().map(|call| Some(Model::new(call))).collect();
        let mut running: Vec<_> = trees
            .iter()
            .map(|call| Some(call.clone().run(&metrics)))
            .collect();
        let mut cx = Context::from_waker(futures::task::noop_waker_ref());
        for step in steps {
            let tree = match step {
                Step::Poll(tree) | Step::Drop(tree) => tree,
            };
            let Some((model, future)) = models[tree].as_mut().zip(running[tree].as_mut()) else {
                continue;
            };
            let ended = match step {
                Step::Drop(_) => {
                    model.drop(&mut counts);
                    true
                }
                Step::Poll(_) => {
                    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)));
                    let polled = match polled {
                        Ok(Poll::Pending) => Polled::Pending,
                        Ok(Poll::Ready(_)) => Polled::Ready,
                        Err(_) => Polled::Panicked,
                    };
                    prop_assert!(model.poll(&mut counts) == polled, "the model is another");
                    polled != Polled::Pending
                }
            };
            if ended {
                (models[tree], running[tree]) = (None, None);
            }
        }
        for model in models.iter_mut().flatten() {
            model.drop(&mut counts);
        }
        drop(running);
        let families = ["monitored_operation_duration_seconds", "db_query_duration_seconds"];
        let counted: Counts = families
            .iter()
            .flat_map(|family| durations(&metrics, family))
            .map(|(labels, summary)| (labels, summary.count))
            .collect();
        prop_assert_eq!(counted, counts);
    }
}
