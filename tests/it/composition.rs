//! Counts a request once, wherever the layers stand.

mod order;

mod readiness;

mod routes;
