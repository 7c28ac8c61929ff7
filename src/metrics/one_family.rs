//! Gives the samples of one family under its published name, with the labels of its entry and the constant ones.

use super::{
    catalog::{Entry, Id, Spelling},
    naming::Naming,
    samples::{Exemplar, Family, Histogram, Labels, Samples},
    series::{Series, Spread},
    table::Table,
};

/// A family that begins with its first sample. Without one it is not published.
pub(super) struct OneFamily<'o> {
    entry: &'static Entry,
    spelling: Spelling,
    naming: &'o Naming,
    out: &'o mut dyn Samples,
    begun: bool,
}

// === impl OneFamily ===

impl<'o> OneFamily<'o> {
    pub(super) fn new(
        entry: &'static Entry,
        spelling: Spelling,
        naming: &'o Naming,
        out: &'o mut dyn Samples,
    ) -> Self {
        Self {
            entry,
            spelling,
            naming,
            out,
            begun: false,
        }
    }

    pub(super) const fn id(&self) -> Id {
        self.entry.id
    }

    /// Whether histograms come with what they were counted by.
    pub(super) fn wants_fine(&self) -> bool {
        self.out.wants_fine()
    }

    /// The values stand in the order of the entry's labels. The last labels can be left out.
    pub(super) fn counter(&mut self, values: &[&str], value: u64) {
        self.give(values, |out, labels| out.counter(labels, value));
    }

    /// A counter of seconds.
    pub(super) fn seconds_counter(&mut self, values: &[&str], seconds: f64) {
        self.give(values, |out, labels| out.seconds_counter(labels, seconds));
    }

    pub(super) fn gauge(&mut self, values: &[&str], value: f64) {
        self.give(values, |out, labels| out.gauge(labels, value));
    }

    /// A gauge that has those labels whose values are known.
    pub(super) fn gauge_of_known(&mut self, values: &[Option<&str>], value: f64) {
        let values = values.iter().copied();
        self.give_known(values, |out, labels| out.gauge(labels, value));
    }

    /// One series of a table.
    pub(super) fn series(&mut self, values: &[&str], series: &Series, table: &Table) {
        let reading = series.read();
        let fine = self.out.wants_fine();
        if let Some(bounds) = table.bounds() {
            let spread = Spread::new(reading.counts, reading.sum, bounds, fine);
            self.spread(values, &spread, table, &[]);
        }
    }

    /// What a series of this table, or several of them, counted.
    pub(super) fn spread(
        &mut self,
        values: &[&str],
        spread: &Spread,
        table: &Table,
        exemplars: &[Option<Exemplar>],
    ) {
        if let Some((bounds, edges)) = table.bounds().zip(table.edges()) {
            let histogram = Histogram {
                exemplars,
                ..spread.histogram(bounds, edges)
            };
            self.histogram(values, &histogram);
        }
    }

    pub(super) fn histogram(&mut self, values: &[&str], histogram: &Histogram<'_>) {
        self.give(values, |out, labels| out.histogram(labels, histogram));
    }

    fn give(&mut self, values: &[&str], give: impl FnOnce(&mut dyn Samples, &Labels<'_>)) {
        self.give_known(values.iter().copied().map(Some), give);
    }

    fn give_known<'v>(
        &mut self,
        values: impl Iterator<Item = Option<&'v str>>,
        give: impl FnOnce(&mut dyn Samples, &Labels<'_>),
    ) {
        if !std::mem::replace(&mut self.begun, true) {
            self.out.family(&Family {
                name: &self.naming.name(self.spelling.name),
                kind: self.entry.kind,
                unit: self.entry.unit,
                help: self.entry.help,
            });
        }
        let named = self.spelling.labels.iter().copied().zip(values);
        let known = named.filter_map(|(name, value)| Some((name, value?)));
        // A label is there once: that of the family comes before a constant one.
        let own = self.spelling.labels;
        let constant = self.naming.labels();
        let constant = constant.filter(|(name, _)| !own.contains(name));
        let labels: Vec<_> = known.chain(constant).collect();
        give(self.out, &labels);
    }
}
