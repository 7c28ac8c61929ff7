//! Facts that are planted, and what is found of them.
