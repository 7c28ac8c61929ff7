//! Compiles and runs the code of the pages in `docs`, which needs more crates than the library has.

#[cfg(doctest)]
#[path = "../src/guides.rs"]
mod guides;
