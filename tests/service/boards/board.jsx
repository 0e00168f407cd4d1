// SPDX-License-Identifier: Apache-2.0

// A dashboard, drawn by Grafana's own components and processed by its own library, of what a Prometheus answers. What is
// missing in the packages, because it is in Grafana's server only, is here: the data source, and which component draws
// a panel of which type.
import * as React from 'react'
import { createRoot } from 'react-dom/client'
import {
  FieldConfigOptionsRegistry, FieldType, applyFieldOverrides, createTheme, dateTime, getFieldDisplayValues, rangeUtil,
  renderMarkdown, standardTransformers, standardTransformersRegistry, toDataFrame, transformDataFrame
} from '@grafana/data'
import { BigValue, GlobalStyles, PanelChrome, Table, ThemeContext, TimeSeries, VizRepeater } from '@grafana/ui'

const CELL = 30 // pixels of a unit of gridPos' height
const GAP = 8
const SCRAPE_S = 15

const asIs = (value) => value
const field = (path, isCustom) => ({
  id: isCustom ? `custom.${path}` : path, path, isCustom, name: path, process: asIs, override: asIs, shouldApply: () => true
})
const registry = new FieldConfigOptionsRegistry(() => [
  ...['unit', 'decimals', 'color', 'thresholds', 'mappings', 'min', 'max', 'displayName', 'noValue'].map((p) => field(p, false)),
  ...['drawStyle', 'lineWidth', 'fillOpacity', 'showPoints', 'spanNulls', 'stacking', 'align', 'width', 'cellOptions',
    'gradientMode', 'lineInterpolation', 'axisPlacement', 'axisSoftMin', 'axisSoftMax', 'axisBorderShow', 'barAlignment', 'pointSize',
    'scaleDistribution', 'thresholdsStyle', 'hideFrom', 'axisColorMode'].map((p) => field(p, true))
])
// What the plugins of the panels add to a dashboard's own settings.
const CUSTOM = {
  timeseries: {
    gradientMode: 'none', lineInterpolation: 'linear', axisPlacement: 'auto', axisBorderShow: false, barAlignment: 0, pointSize: 5,
    scaleDistribution: { type: 'linear' }, thresholdsStyle: { mode: 'off' }, axisColorMode: 'text',
    hideFrom: { legend: false, tooltip: false, viz: false }
  },
  table: { cellOptions: { type: 'auto' } },
  stat: {}
}
standardTransformersRegistry.setInit(() => [
  standardTransformers.mergeTransformer, standardTransformers.sortByTransformer, standardTransformers.organizeFieldsTransformer
].map((transformation) => ({
  id: transformation.id, name: transformation.name, transformation, editor: () => null
})))

// --- the data source ------------------------------------------------------------------------------

function stepOf (range, width) {
  const { intervalMs } = rangeUtil.calculateInterval(range, Math.round(width), `${SCRAPE_S}s`)
  return Math.round(intervalMs / 1000)
}

function fillIn (expression, range, step) {
  return expression.replaceAll('$__rate_interval', `${Math.max(step + SCRAPE_S, 4 * SCRAPE_S)}s`)
    .replaceAll('$__range', `${range.to.unix() - range.from.unix()}s`).replaceAll('$source', '.*')
}

function legendOf (format, labels, expression) {
  const { __name__: name = '', ...others } = labels
  const inside = Object.entries(others).map(([k, v]) => `${k}="${v}"`).join(', ')
  if (format && format !== '__auto') return format.replace(/{{\s*([\w]+)\s*}}/g, (_, label) => labels[label] ?? '')
  return name || inside ? `${name}${inside ? `{${inside}}` : ''}` : expression
}

function frameOf (target, series, expression, step) {
  const samples = series.values ?? [series.value]
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: samples.map(([t]) => t * 1000), config: { interval: step * 1000 } },
      {
        name: 'Value', type: FieldType.number, labels: series.metric, values: samples.map(([, v]) => Number(v)),
        config: { displayNameFromDS: legendOf(target.legendFormat, series.metric, expression) }
      }
    ]
  })
}

function tableOf (target, result, several) {
  const labels = [...new Set(result.flatMap((series) => Object.keys(series.metric)))].sort()
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map((s) => s.value[0] * 1000) },
      ...labels.map((name) => ({ name, type: FieldType.string, values: result.map((s) => s.metric[name] ?? '') })),
      { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: result.map((s) => Number(s.value[1])) }
    ]
  })
}

async function ask (target, range, step, several) {
  const expression = fillIn(target.expr, range, step)
  const parameters = target.instant
    ? { query: expression, time: range.to.unix() }
    : { query: expression, start: Math.floor(range.from.unix() / step) * step, end: range.to.unix(), step }
  const answer = await (await fetch(`/api/v1/${target.instant ? 'query' : 'query_range'}?${new URLSearchParams(parameters)}`)).json()
  if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`)
  if (target.format === 'table') return [tableOf(target, answer.data.result, several)]
  return answer.data.result.map((series) => frameOf(target, series, expression, step))
}

async function dataOf (panel, range, width, theme) {
  const step = Math.max(stepOf(range, width), panel.interval ? rangeUtil.intervalToSeconds(panel.interval) : 0)
  const frames = (await Promise.all(panel.targets.map((t) => ask(t, range, step, panel.targets.length > 1)))).flat()
  const changed = await new Promise((resolve, reject) =>
    transformDataFrame(panel.transformations, frames, { interpolate: asIs }).subscribe({ next: resolve, error: reject }))
  const { defaults, overrides } = panel.fieldConfig
  const steps = defaults.thresholds.steps.map(({ color, value }) => ({ color, value: value ?? -Infinity }))
  return applyFieldOverrides({
    data: changed,
    fieldConfig: {
      defaults: {
        ...defaults, thresholds: { ...defaults.thresholds, steps }, custom: { ...CUSTOM[panel.type], ...defaults.custom }
      },
      overrides
    },
    fieldConfigRegistry: registry,
    replaceVariables: asIs,
    theme,
    timeZone: 'utc'
  })
}

// --- panels ---------------------------------------------------------------------------------------

function Nothing ({ panel }) {
  const { noValue } = panel.fieldConfig.defaults
  return <div style={{ display: 'grid', placeItems: 'center', height: '100%' }} data-empty={noValue ?? ''}>{noValue ?? 'No data'}</div>
}

function Stat ({ panel, frames, width, height, theme }) {
  const { options, fieldConfig } = panel
  const values = () => getFieldDisplayValues({
    data: frames, fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: asIs, theme,
    sparkline: options.graphMode !== 'none', percentChange: options.showPercentChange, timeZone: 'utc'
  })
  const draw = ({ value, width, height, count }) => (
    <BigValue value={value.display} sparkline={value.sparkline} width={width} height={height} theme={theme} count={count}
      colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode} textMode={options.textMode}
      disableWideLayout={!options.wideLayout}
      percentChangeColorMode={options.percentChangeColorMode} />
  )
  return <VizRepeater getValues={values} renderValue={draw} width={width} height={height} source={frames} orientation={options.orientation}
    itemSpacing={3} autoGrid renderCounter={0} />
}

function Draw (props) {
  const { panel, frames, width, height, range } = props
  if (!frames.some((frame) => frame.length)) return <Nothing panel={panel} />
  if (panel.type === 'stat') return <Stat {...props} />
  if (panel.type === 'table') {
    const [frame] = frames
    return <Table data={frame} width={width} height={height} initialSortBy={panel.options.sortBy} cellHeight={panel.options.cellHeight} />
  }
  return <TimeSeries frames={frames} width={width} height={height} timeRange={range} timeZone='utc' legend={panel.options.legend}
    structureRev={1} />
}

function Row ({ panel }) {
  return <div style={{ padding: '4px 0', fontSize: 18, fontWeight: 500 }}>⌄ {panel.title}</div>
}

function Text ({ panel }) {
  return <div className='markdown-html' style={{ padding: 8 }} dangerouslySetInnerHTML={{ __html: renderMarkdown(panel.options.content) }} />
}

function Chrome ({ panel, frames, range, theme, width, height }) {
  return (
    <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
      {(innerWidth, innerHeight) => (
        <Draw panel={panel} frames={frames} range={range} theme={theme} width={innerWidth} height={innerHeight} />)}
    </PanelChrome>
  )
}

function place ({ gridPos: { x, y, w, h } }, total) {
  const unit = (total + GAP) / 24
  return { left: x * unit, top: y * (CELL + GAP), width: w * unit - GAP, height: h * (CELL + GAP) - GAP }
}

function Board ({ board, data, range, theme, width }) {
  const bottom = Math.max(...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * (CELL + GAP)
  return (
    <div style={{ position: 'relative', width, height: bottom }}>
      {board.panels.map((panel) => {
        const at = place(panel, width)
        const Kind = { row: Row, text: Text }[panel.type] ?? Chrome
        return (
          <div key={panel.id} style={{ position: 'absolute', ...at }} data-panel={panel.title} data-type={panel.type}>
            <Kind panel={panel} frames={data.get(panel.id)} range={range} theme={theme} width={at.width} height={at.height} />
          </div>
        )
      })}
    </div>
  )
}

// draw(board, seconds, width, mode): draws it of that time until now.
window.draw = async (board, seconds, width, mode) => {
  const to = dateTime(Math.floor(Date.now() / 1000) * 1000)
  const from = dateTime(to).subtract(seconds, 's')
  const range = { from, to, raw: { from, to } }
  const theme = createTheme({ colors: { mode } })
  const data = new Map()
  for (const panel of board.panels) {
    if (panel.targets) data.set(panel.id, await dataOf(panel, range, place(panel, width).width, theme))
  }
  document.body.style.background = theme.colors.background.canvas
  createRoot(document.getElementById('board')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles hackNoBackdropBlur={false} isExtensionSidebarOpen={false} />
      <Board board={board} data={data} range={range} theme={theme} width={width} />
    </ThemeContext.Provider>)
}
