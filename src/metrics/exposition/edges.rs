//! Writes the edges of buckets once for many histograms.

use super::{
    Format,
    numbers::{push_edge, push_float},
};

/// The edges of a histogram, and how they are written. Most histograms have those of the one before.
#[derive(Default)]
pub(crate) struct Edges {
    of: Vec<f64>,
    texts: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

// === impl Edges ===

impl Edges {
    /// Writes these edges, if they are others than before.
    pub(crate) fn show(&mut self, format: Format, edges: &[f64]) {
        if self.of == edges {
            return;
        }
        self.of.clear();
        self.of.extend_from_slice(edges);
        self.texts.clear();
        self.ends.clear();
        for edge in edges {
            match format {
                Format::Text => push_float(&mut self.texts, *edge),
                Format::OpenMetrics => push_edge(&mut self.texts, *edge),
            }
            self.ends.push(self.texts.len());
        }
    }

    /// Each edge, and how it is written.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (f64, &str)> {
        let begins = std::iter::once(&0).chain(&self.ends);
        let places = begins.zip(&self.ends);
        let texts = places.map(|(begin, end)| self.texts.get(*begin..*end).unwrap_or_default());
        self.of.iter().copied().zip(texts)
    }
}
