//! Describes a dashboard as Grafana reads it: the classic model, which the package `@grafana/schema` types.

use std::collections::BTreeMap;

use serde::Serialize;

/// The last version of the classic model. Grafana 11 and later read it.
pub(super) const SCHEMA_VERSION: u32 = 42;

/// The kind of data source.
pub(super) const PROMETHEUS: &str = "prometheus";

/// A dashboard.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Board {
    pub(super) annotations: List<Annotation>,
    pub(super) description: String,
    pub(super) editable: bool,
    /// 1: the cross hair is in all panels at once.
    pub(super) graph_tooltip: u8,
    pub(super) links: Vec<Link>,
    pub(super) panels: Vec<Placed>,
    pub(super) refresh: &'static str,
    pub(super) schema_version: u32,
    pub(super) tags: Vec<String>,
    pub(super) templating: List<Variable>,
    pub(super) time: Time,
    pub(super) timezone: &'static str,
    pub(super) title: String,
    pub(super) uid: String,
}

#[derive(Debug, Serialize)]
pub(super) struct List<T> {
    pub(super) list: Vec<T>,
}

#[derive(Debug, Serialize)]
pub(super) struct Time {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

/// Where numbers come from.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Source {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) uid: &'static str,
}

/// Marks on the axis of time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Annotation {
    pub(super) datasource: Source,
    pub(super) enable: bool,
    pub(super) expr: String,
    pub(super) hide: bool,
    pub(super) icon_color: &'static str,
    pub(super) name: &'static str,
    pub(super) tag_keys: String,
    pub(super) title_format: String,
    /// The value is when it was, in milliseconds.
    pub(super) use_value_for_time: bool,
}

/// What a viewer chooses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) all_value: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<Chosen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) datasource: Option<Source>,
    pub(super) description: &'static str,
    pub(super) include_all: bool,
    pub(super) label: &'static str,
    pub(super) multi: bool,
    pub(super) name: &'static str,
    pub(super) query: Choice,
    /// 1: on load, 2: also when the range of time changes.
    pub(super) refresh: u8,
    pub(super) sort: u8,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Chosen {
    pub(super) selected: bool,
    pub(super) text: [&'static str; 1],
    pub(super) value: [&'static str; 1],
}

/// From what a viewer chooses.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Choice {
    Kind(&'static str),
    #[serde(rename_all = "camelCase")]
    Query {
        query: String,
        ref_id: &'static str,
    },
}

/// A link to a page or to the other dashboards.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Link {
    pub(super) as_dropdown: bool,
    pub(super) icon: &'static str,
    pub(super) include_vars: bool,
    pub(super) keep_time: bool,
    pub(super) tags: Vec<String>,
    pub(super) target_blank: bool,
    pub(super) title: String,
    pub(super) tooltip: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
}

/// A panel, or the heading of the panels below it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Placed {
    Row(Row),
    Panel(Box<Panel>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) collapsed: bool,
    pub(super) grid_pos: Place,
    pub(super) id: u32,
    pub(super) panels: [(); 0],
    pub(super) title: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

/// On a grid of 24 columns.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Place {
    pub(super) h: u32,
    pub(super) w: u32,
    pub(super) x: u32,
    pub(super) y: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Panel {
    pub(super) datasource: Source,
    pub(super) description: String,
    pub(super) field_config: FieldConfig,
    pub(super) grid_pos: Place,
    pub(super) id: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<Link>,
    pub(super) options: Options,
    pub(super) targets: Vec<Target>,
    pub(super) title: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) transformations: Vec<Transformation>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct FieldConfig {
    pub(super) defaults: Field,
    pub(super) overrides: [(); 0],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Field {
    pub(super) color: Color,
    pub(super) custom: Custom,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) mappings: Vec<Mapping>,
    pub(super) no_value: String,
    pub(super) thresholds: Thresholds,
    pub(super) unit: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Color {
    pub(super) mode: &'static str,
}

/// How lines are drawn. Empty for other panels.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Custom {
    /// The axis begins here, unless a value is below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) axis_soft_min: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) draw_style: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fill_opacity: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line_width: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) show_points: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thresholds_style: Option<Mode>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Mode {
    pub(super) mode: &'static str,
}

/// Words in place of values.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mapping {
    pub(super) options: BTreeMap<&'static str, Shown>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Shown {
    pub(super) color: &'static str,
    pub(super) text: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Thresholds {
    pub(super) mode: &'static str,
    pub(super) steps: Vec<Step>,
}

/// From this value on, or from the least one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) color: &'static str,
    pub(super) value: Option<f64>,
}

/// How the numbers of a panel are shown.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Options {
    Lines {
        legend: Legend,
        tooltip: Tooltip,
    },
    #[serde(rename_all = "camelCase")]
    Number {
        color_mode: &'static str,
        graph_mode: &'static str,
        justify_mode: &'static str,
        orientation: &'static str,
        percent_change_color_mode: &'static str,
        reduce_options: Reduce,
        show_percent_change: bool,
        text_mode: &'static str,
        wide_layout: bool,
    },
    #[serde(rename_all = "camelCase")]
    Table {
        cell_height: &'static str,
        frame_index: u8,
        show_header: bool,
        sort_by: [Sort; 1],
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Legend {
    pub(super) calcs: [&'static str; 2],
    pub(super) display_mode: &'static str,
    pub(super) placement: &'static str,
    pub(super) show_legend: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Tooltip {
    pub(super) mode: &'static str,
    pub(super) sort: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Reduce {
    pub(super) calcs: [&'static str; 1],
    pub(super) fields: &'static str,
    pub(super) values: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sort {
    pub(super) desc: bool,
    pub(super) display_name: &'static str,
}

/// A query of a panel.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) datasource: Source,
    pub(super) editor_mode: &'static str,
    pub(super) expr: String,
    pub(super) format: &'static str,
    pub(super) instant: bool,
    pub(super) legend_format: String,
    pub(super) range: bool,
    pub(super) ref_id: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Transformation {
    pub(super) id: &'static str,
    pub(super) options: Organized,
}

/// The columns of a table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organized {
    pub(super) exclude_by_name: BTreeMap<&'static str, bool>,
    pub(super) rename_by_name: BTreeMap<&'static str, &'static str>,
}
