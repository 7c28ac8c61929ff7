// What a dashboard of this crate is, in the types that Grafana publishes.
//
// `@grafana/schema` leaves the options of panels and the queries open, since each plugin has its own. Here they are the ones of
// the plugins that are used. It has no types for queries and annotations of Prometheus: these are the fields of the plugin.
import type {
  AnnotationQuery,
  Dashboard as Classic,
  FieldConfigSource,
  GraphFieldConfig,
  Panel,
  RowPanel,
  TableFieldOptions,
  TableOptions,
} from "@grafana/schema";
import type { Options as TimeSeriesOptions } from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type { Options as StatOptions } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";

interface Source {
  type: "prometheus";
  uid: "${datasource}";
}

interface Query {
  datasource: Source;
  editorMode: "code" | "builder";
  expr: string;
  format: "time_series" | "table" | "heatmap";
  instant: boolean;
  legendFormat: string;
  range: boolean;
  refId: string;
}

interface Deployments extends Omit<AnnotationQuery, "datasource" | "target"> {
  datasource: Source;
  expr: string;
  tagKeys: string;
  titleFormat: string;
  useValueForTime: boolean;
}

interface Shown<Type extends string, Options, Field>
  extends Omit<Panel, "datasource" | "fieldConfig" | "options" | "targets" | "type"> {
  datasource: Source;
  fieldConfig: FieldConfigSource<Field>;
  options: Options;
  targets: Query[];
  type: Type;
}

type AnyPanel =
  | Shown<"timeseries", TimeSeriesOptions, GraphFieldConfig>
  | Shown<"stat", StatOptions, {}>
  | Shown<"table", TableOptions & { frameIndex: number }, Partial<TableFieldOptions>>;

export interface Dashboard extends Omit<Classic, "annotations" | "panels"> {
  annotations: { list: Deployments[] };
  panels: (AnyPanel | RowPanel)[];
}
