// SPDX-License-Identifier: Apache-2.0

// A dashboard as JSON, by Grafana's own types, and narrower where the package leaves a hole: what a panel's
// options and custom field settings are depends on its type, and the query is Prometheus'.
import type { Dashboard, DataTransformerConfig, FieldConfig, FieldConfigSource, Panel, RowPanel }
	from '@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen.js';
import type { Options as TimeSeries, FieldConfig as TimeSeriesField }
	from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.js';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.js';
import type { Options as Table, FieldConfig as TableField }
	from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.js';
import type { Options as Text } from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen.js';
import type { DataQuery, DataSourceRef } from '@grafana/schema';

// An enumeration is its values in JSON.
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] :
	T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

// The package has no type for it: as the data source of Grafana 11 reads it.
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
