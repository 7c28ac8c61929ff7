//! One small service with its vital signs, before and after the move to tower-vitals, and what each reports.
//!
//! `before` and `after` are what a user writes. The other rooms send both the same requests and read what they report.

pub mod after;
pub mod before;
mod client;
pub mod comparison;
pub mod report;
pub mod shop;
