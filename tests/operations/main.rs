//! Tests of what a service does beside answering requests, from outside.
