//! One application, and everything that can stand around it.

pub mod application;
pub mod chosen;
pub mod clock;
pub mod driver;
pub mod ours;
pub mod peers;
pub mod subject;
#[cfg(feature = "opentelemetry")]
mod tracer;

pub use self::{
    application::Case,
    driver::Driver,
    subject::{SUBJECTS, Subject},
};
