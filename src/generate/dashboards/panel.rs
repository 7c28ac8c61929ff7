//! Puts a panel together: what it shows, in which unit, and from which value on it is bad.

use std::collections::BTreeMap;

use super::{
    model::{
        Color, Custom, Field, FieldConfig, Legend, Link, Mapping, Mode, Options, Organized,
        PROMETHEUS, Panel, Place, Reduce, Shown, Sort, Source, Step, Target, Thresholds, Tooltip,
        Transformation,
    },
    query::Query,
};

/// The colours of what is good, slow, bad and worse.
pub(super) const COLORS: [&str; 4] = ["green", "yellow", "orange", "red"];

/// The data source that the viewer chose.
pub(super) const SOURCE: Source = Source {
    kind: PROMETHEUS,
    uid: "${datasource}",
};

/// How a panel shows its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Lines,
    /// The last value of each series.
    Number,
    /// The values at the end of the range, the largest first.
    Table,
}

/// A panel without a place.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    title: String,
    description: String,
    unit: &'static str,
    shape: Shape,
    queries: Vec<Query>,
    steps: Vec<Step>,
    links: Vec<Link>,
    mappings: Vec<Mapping>,
    no_value: String,
}

// === impl Draft ===

impl Draft {
    pub(super) fn lines(title: impl Into<String>, unit: &'static str) -> Self {
        Self::new(title.into(), unit, Shape::Lines)
    }

    pub(super) fn number(title: impl Into<String>, unit: &'static str) -> Self {
        Self::new(title.into(), unit, Shape::Number)
    }

    pub(super) fn table(title: impl Into<String>, unit: &'static str) -> Self {
        Self::new(title.into(), unit, Shape::Table)
    }

    fn new(title: String, unit: &'static str, shape: Shape) -> Self {
        Self {
            title,
            description: String::new(),
            unit,
            shape,
            queries: Vec::new(),
            steps: Vec::new(),
            links: Vec::new(),
            mappings: Vec::new(),
            no_value: "no data".to_owned(),
        }
    }

    /// What the panel tells, in one more sentence.
    pub(super) fn about(mut self, sentence: &str) -> Self {
        if !self.description.is_empty() {
            self.description.push(' ');
        }
        self.description.push_str(sentence);
        self
    }

    /// What the application must do so that there is data.
    pub(super) fn needs(mut self, what: &str) -> Self {
        self.no_value = format!("no data: needs {what}");
        self.about(&format!("Needs {what}."))
    }

    /// A query, if the preset of names can tell it.
    pub(super) fn query(mut self, query: Option<Query>) -> Self {
        self.queries.extend(query);
        self
    }

    /// From which values on it is how bad.
    pub(super) fn steps(mut self, steps: Vec<Step>) -> Self {
        self.steps = steps;
        self
    }

    pub(super) fn links(mut self, links: Vec<Link>) -> Self {
        self.links.extend(links);
        self
    }

    /// A word in place of a value.
    pub(super) fn word(
        mut self,
        value: &'static str,
        text: &'static str,
        color: &'static str,
    ) -> Self {
        let options = BTreeMap::from([(value, Shown { color, text })]);
        self.mappings.push(Mapping {
            options,
            kind: "value",
        });
        self
    }

    /// A preset of names can lack all that a panel shows.
    pub(super) fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// How wide and how high it is.
    pub(super) const fn size(&self) -> (u32, u32) {
        match self.shape {
            Shape::Lines | Shape::Table => (12, 8),
            Shape::Number => (6, 5),
        }
    }

    pub(super) fn placed(self, id: u32, grid_pos: Place) -> Panel {
        let (options, custom) = (self.options(), self.custom());
        let is_table = self.shape == Shape::Table;
        let targets = self.queries.into_iter().enumerate();
        let targets = targets.map(|(index, query)| target(index, query, is_table));
        let first = Step {
            color: COLORS[0],
            value: None,
        };
        let steps = match self.steps.is_empty() {
            true => vec![first],
            false => self.steps,
        };
        let color = match self.shape {
            Shape::Lines => "palette-classic",
            Shape::Number | Shape::Table => "thresholds",
        };
        Panel {
            datasource: SOURCE,
            description: self.description,
            field_config: FieldConfig {
                defaults: Field {
                    color: Color { mode: color },
                    custom,
                    mappings: self.mappings,
                    no_value: self.no_value,
                    thresholds: Thresholds {
                        mode: "absolute",
                        steps,
                    },
                    unit: self.unit,
                },
                overrides: [],
            },
            grid_pos,
            id,
            links: self.links,
            options,
            targets: targets.collect(),
            title: self.title,
            transformations: match is_table {
                true => vec![columns()],
                false => Vec::new(),
            },
            kind: match self.shape {
                Shape::Lines => "timeseries",
                Shape::Number => "stat",
                Shape::Table => "table",
            },
        }
    }

    fn options(&self) -> Options {
        match self.shape {
            Shape::Lines => Options::Lines {
                legend: Legend {
                    calcs: ["lastNotNull", "max"],
                    display_mode: "table",
                    placement: "bottom",
                    show_legend: true,
                },
                tooltip: Tooltip {
                    mode: "multi",
                    sort: "desc",
                },
            },
            Shape::Number => Options::Number {
                color_mode: "value",
                graph_mode: "none",
                justify_mode: "auto",
                orientation: "auto",
                percent_change_color_mode: "standard",
                reduce_options: Reduce {
                    calcs: ["lastNotNull"],
                    fields: "",
                    values: false,
                },
                show_percent_change: false,
                text_mode: "auto",
                wide_layout: true,
            },
            Shape::Table => Options::Table {
                cell_height: "sm",
                frame_index: 0,
                show_header: true,
                sort_by: [Sort {
                    desc: true,
                    display_name: VALUE,
                }],
            },
        }
    }

    fn custom(&self) -> Custom {
        if self.shape != Shape::Lines {
            return Custom::default();
        }
        let mode = match self.steps.is_empty() {
            true => "off",
            false => "dashed",
        };
        Custom {
            axis_soft_min: Some(0),
            draw_style: Some("line"),
            fill_opacity: Some(10),
            line_width: Some(1),
            show_points: Some("auto"),
            thresholds_style: Some(Mode { mode }),
        }
    }
}

/// The column with the number.
const VALUE: &str = "value";

/// A table without the time, which is the same in all its lines.
fn columns() -> Transformation {
    Transformation {
        id: "organize",
        options: Organized {
            exclude_by_name: BTreeMap::from([("Time", true)]),
            rename_by_name: BTreeMap::from([("Value", VALUE)]),
        },
    }
}

fn target(index: usize, query: Query, is_table: bool) -> Target {
    // There are fewer than 26 queries in a panel.
    let letter = u8::try_from(index).map_or('Z', |index| char::from(b'A' + index.min(25)));
    Target {
        datasource: SOURCE,
        editor_mode: "code",
        expr: query.expr,
        format: if is_table { "table" } else { "time_series" },
        instant: is_table,
        // The columns of a table are the labels that there are.
        legend_format: if is_table {
            String::new()
        } else {
            query.legend
        },
        range: !is_table,
        ref_id: letter.to_string(),
    }
}
