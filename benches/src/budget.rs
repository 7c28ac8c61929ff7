//! Holds what a request, a monitored function and an evaluation of alerts cost to what they cost before.

use std::process::ExitCode;

use tower_vitals_benches::{
    Case, SUBJECTS,
    subject::{EXCLUDED, OURS, OURS_JSON},
};

use crate::{alerts::EVALUATIONS, costs::CALLS, measure};

/// Instructions of the application with a subject around it, as a multiple of those without, with some five per cent of slack
/// for compilers, their libraries and the layout of the heap, which alone moves it by two per cent. A smaller number is an
/// improvement: write it down.
const BUDGETS: [(&str, f64); 3] = [(OURS, 1.54), (EXCLUDED, 1.31), (OURS_JSON, 1.84)];

/// Instructions of a monitored function that returns at once, with the same slack. It must never need 2,000.
const CALL: u64 = 665;

/// Millions of instructions of an evaluation of a thousand rules, each for a thousand endpoints, with the same slack. It must never
/// need 50 ms of a processor. Where it was measured, 235 million take 15 ms.
const EVALUATE: [(&str, u64); 2] = [("no rule", 190), ("each rule", 260)];

/// Prints each cost beside its budget; fails where one is above.
pub fn check() -> ExitCode {
    let instructions = |name: &str| measure::instructions(&["run", name, Case::Found.name()]);
    let Some(bare) = instructions(SUBJECTS[0].name) else {
        return ExitCode::FAILURE;
    };
    let mut within = true;
    for (name, budget) in BUDGETS {
        let Some(cost) = instructions(name) else {
            return ExitCode::FAILURE;
        };
        let ratio = cost as f64 / bare as f64;
        within &= ratio <= budget;
        println!("{name}: {ratio:.3} of bare, {budget} at most");
    }
    let Some(calls) = measure::instructions(&["call"]) else {
        return ExitCode::FAILURE;
    };
    let call = calls / CALLS as u64;
    within &= call <= CALL;
    println!("a monitored function: {call} instructions, {CALL} at most");
    for (what, budget) in EVALUATE {
        let Some(all) = measure::instructions(&["evaluate", what]) else {
            return ExitCode::FAILURE;
        };
        let millions = all / EVALUATIONS as u64 / 1_000_000;
        within &= millions <= budget;
        println!("an evaluation, {what} broken: {millions} million instructions, {budget} at most");
    }
    if within {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
