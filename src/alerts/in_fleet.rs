//! Evaluates rules where the service is a fleet: those of this instance, and those of all, if this one is in charge.

use std::time::Duration;

use serde_json::Value;

use super::{
    member::{Between, Member, Met, Role},
    part::Part,
    running::Running,
    shared::Unreached,
    tracked::Tick,
    watch::Evaluated,
};
use crate::report::delivery_queue::contained;

// === impl Running ===

impl Running {
    /// Evaluates the rules of this instance, and those of the fleet if it is in charge. The others wait for nobody: what is shared is
    /// asked for with a time limit. `false` if a fault ended one of both.
    pub(super) fn evaluate_in_fleet(&self, member: &Member, tick: Tick) -> bool {
        let met = member.meet(&|| self.host.clock(), self.watch());
        let at = met.at;
        // First: code of the application runs in the other part, and may take longer than the lease lasts.
        let of_fleet = contained(|| self.of_fleet(member, met, tick));
        let of_instance = contained(|| {
            let tick = Tick { at, ..tick };
            let mut evaluated = Evaluated::default();
            self.host.at_once(&mut |numbers| {
                evaluated = self.watch().evaluate(Part::Local, tick, numbers);
            });
            self.tell(Part::Local, &evaluated, tick);
            evaluated
        });
        let is_well = of_instance.is_some() && of_fleet.is_some();
        let mut evaluated = of_instance.unwrap_or_default();
        evaluated.add(of_fleet.unwrap_or_default());
        self.publish(&evaluated, at);
        self.write_lines(evaluated);
        is_well
    }

    /// Looks between two evaluations whether somebody is in charge, and renews the lease. Returns whether this instance is to
    /// evaluate now.
    pub(crate) fn look(&self) -> bool {
        let Some(member) = self.member() else {
            return false;
        };
        // An evaluation that runs renews it, too.
        let Some(_timing) = self.no_evaluation() else {
            return false;
        };
        match member.look(&|| self.host.clock(), self.watch()) {
            Between::Nothing => false,
            Between::TakeOver => true,
            Between::Settle(fence) => {
                let now = member.time(self.host.clock());
                let (told, is_settled) = self.told(now);
                if is_settled {
                    // If it fails, the next evaluation finds out why.
                    let _ = member.write(fence, self.watch(), told, true);
                }
                false
            }
        }
    }

    fn of_fleet(&self, member: &Member, mut met: Met, local: Tick) -> Evaluated {
        if let Some((told, how)) = met.told.take()
            && let Some(listener) = self.listener()
        {
            listener.go_on(told, met.at, how);
        }
        let tick = member.tick(&met, self.watch(), local);
        let evaluated = Evaluated {
            transitions: std::mem::take(&mut met.ends),
            ..Evaluated::default()
        };
        match met.role {
            Role::Leader(fence) => self.lead(member, fence, tick, evaluated),
            Role::Alone => self.alone(tick, evaluated),
            Role::Follower | Role::Waiting => {
                if !evaluated.transitions.is_empty() {
                    self.decide(&evaluated, tick, false);
                }
                self.tell_decided(tick.at);
                evaluated
            }
        }
    }

    /// Evaluates for all. People are told once it is written down, and nobody else is in charge.
    fn lead(&self, member: &Member, fence: u64, tick: Tick, mut evaluated: Evaluated) -> Evaluated {
        let undo = self.watch().engine().undo();
        let ends = evaluated.transitions.clone();
        let judged = member.shared.numbers(&mut |numbers| {
            let gone = self.watch().engine().end_unknown(tick.at);
            evaluated.transitions.extend(gone);
            evaluated.add(self.watch().evaluate(Part::Fleet, tick, numbers));
        });
        if judged == Err(Unreached) {
            // It was lost while it was read, so nobody knows what is missing.
            self.watch().engine().revert(undo, Vec::new());
            member.goes_alone(self.watch());
            let evaluated = Evaluated {
                transitions: ends,
                ..Evaluated::default()
            };
            return self.alone(tick, evaluated);
        }
        let (told, is_settled) = self.decide(&evaluated, tick, true);
        match member.write(fence, self.watch(), told, is_settled) {
            Ok(true) => self.watch().engine().shared(),
            Ok(false) => {
                self.watch().engine().revert(undo, ends);
                if let Some(listener) = self.listener() {
                    listener.take_back();
                    listener.tell(tick.at);
                }
                return Evaluated::default();
            }
            Err(Unreached) => member.goes_alone(self.watch()),
        }
        self.tell_decided(tick.at);
        evaluated
    }

    /// Evaluates the rules of the fleet by the numbers of this instance.
    fn alone(&self, tick: Tick, mut evaluated: Evaluated) -> Evaluated {
        self.host.at_once(&mut |numbers| {
            evaluated.add(self.watch().evaluate(Part::Fleet, tick, numbers));
        });
        self.decide(&evaluated, tick, true);
        self.tell_decided(tick.at);
        evaluated
    }

    /// Decides who is told. One that is not in charge tells of ends that it has promised, and of nothing that fires.
    fn decide(&self, evaluated: &Evaluated, tick: Tick, is_in_charge: bool) -> (Value, bool) {
        let Some(listener) = self.listener() else {
            return (Value::Null, true);
        };
        let firing = match is_in_charge {
            true => self.watch().engine().firing_of(Part::Fleet),
            false => Vec::new(),
        };
        listener.decide(&self.heard(Part::Fleet, evaluated, tick, &firing))
    }

    fn tell_decided(&self, now: Duration) {
        if let Some(listener) = self.listener() {
            listener.tell(now);
        }
    }

    fn told(&self, now: Duration) -> (Value, bool) {
        let listener = self.listener();
        listener.map_or((Value::Null, true), |listener| listener.told(now))
    }
}
