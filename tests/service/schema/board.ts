// SPDX-License-Identifier: Apache-2.0

// The type of a dashboard in JSON, made of Grafana's own types. It is narrower where the package allows
// anything: a panel's options and custom field settings depend on its type, and a query is one of Prometheus.
import type { Dashboard, DataTransformerConfig, FieldConfig, FieldConfigSource, Panel, RowPanel }
	from '@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen.js';
import type { Options as TimeSeries, FieldConfig as TimeSeriesField }
	from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.js';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.js';
import type { Options as Table, FieldConfig as TableField }
	from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.js';
import type { Options as Text } from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen.js';
import type { DataQuery, DataSourceRef } from '@grafana/schema';

// In JSON an enumeration is one of its values.
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] :
	T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

// The package has no type for this; it is what the data source of Grafana 11 reads.
interface Query extends Omit<DataQuery, 'datasource'> {
	datasource: DataSourceRef;
	expr: string;
	legendFormat: string;
	editorMode: 'code' | 'builder';
	format: 'time_series' | 'table' | 'heatmap';
	instant: boolean;
	range: boolean;
}

interface Of<Type extends string, Options, Custom> extends Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> {
	type: Type;
	title: string;
	gridPos: NonNullable<Panel['gridPos']>;
	options: Options;
	fieldConfig: Omit<FieldConfigSource, 'defaults'> & { defaults: Omit<FieldConfig, 'custom'> & { custom: Custom } };
	targets: Query[];
	transformations: DataTransformerConfig[];
}

interface TextPanel extends Omit<Panel, 'type' | 'options'> {
	type: 'text';
	options: Text;
}

type AnyPanel = Of<'timeseries', TimeSeries, TimeSeriesField> | Of<'stat', Stat, Record<string, never>> |
	Of<'table', Table, Partial<TableField>> | TextPanel | RowPanel;

export type Board = Plain<Omit<Dashboard, 'panels'> & { panels: AnyPanel[] }>;
