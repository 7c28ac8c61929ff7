//! Chooses whether a layer examines errors.

use std::any::Any;

/// Whether errors of type `E` are examined. The trait is sealed.
pub trait Errors<E>: sealed::Sealed {
    #[doc(hidden)]
    fn look(error: &E) -> Option<&dyn Any>;
}

/// Errors of any type pass without being examined.
#[derive(Clone, Copy, Debug)]
pub enum Unexamined {}

/// Errors are examined before they are passed on. Their types must be `'static`.
#[derive(Clone, Copy, Debug)]
pub enum Examined {}

mod sealed {
    #[expect(
        unnameable_types,
        reason = "so that no other crate can implement what it seals"
    )]
    pub trait Sealed {}
}

// === impl Errors ===

impl sealed::Sealed for Unexamined {}

impl<E> Errors<E> for Unexamined {
    fn look(_: &E) -> Option<&dyn Any> {
        None
    }
}

impl sealed::Sealed for Examined {}

impl<E: 'static> Errors<E> for Examined {
    fn look(error: &E) -> Option<&dyn Any> {
        Some(error)
    }
}
