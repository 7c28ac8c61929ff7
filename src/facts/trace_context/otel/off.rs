//! Stands for `otel` without feature `opentelemetry`.

use tracing::Span;

use super::TraceContext;
use crate::facts::Facts;

pub(crate) const KIND: Option<&str> = None;

#[inline(always)]
pub(crate) const fn of_span(_: &Span) -> Option<TraceContext> {
    None
}

#[inline(always)]
pub(crate) const fn begin(_: &Span, _: Option<&TraceContext>) -> Option<TraceContext> {
    None
}

#[inline(always)]
pub(crate) const fn end(_: &Span, _: &str, _: &Facts) {}

#[inline(always)]
pub(crate) const fn failed(_: &Span, _: &str) {}
