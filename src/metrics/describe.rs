//! Gives a recorder of the application the description of each family.

use metrics::{KeyName, Recorder};

use super::{
    catalog,
    names::Names,
    naming::Naming,
    samples::{Kind, Unit},
};

pub(super) fn describe(names: Names, naming: &Naming, recorder: &dyn Recorder) {
    for entry in catalog::all() {
        let Some(spelling) = entry.spelling(names) else {
            continue;
        };
        let name = KeyName::from(naming.name(spelling.name));
        let unit = Some(match entry.unit {
            Some(Unit::Seconds) => metrics::Unit::Seconds,
            Some(Unit::Bytes) => metrics::Unit::Bytes,
            None => metrics::Unit::Count,
        });
        let text = entry.help.into();
        match entry.kind {
            Kind::Counter => recorder.describe_counter(name, unit, text),
            Kind::Gauge => recorder.describe_gauge(name, unit, text),
            Kind::Histogram => recorder.describe_histogram(name, unit, text),
        }
    }
}
