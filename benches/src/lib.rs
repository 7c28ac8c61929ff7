//! One application, and everything that can stand around it.

pub mod application;
pub mod clock;
pub mod driver;
pub mod ours;
pub mod peers;
pub mod subject;

pub use self::{
    application::Case,
    driver::Driver,
    subject::{SUBJECTS, Subject},
};
