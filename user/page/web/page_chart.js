// SPDX-License-Identifier: Apache-2.0
// The three charts, drawn by dygraphs: a line or bars. Around noisy figures there is a band, which probably
// contains the true figure.

const charts = {};

// [low, shown, high] for a point.
function band(value, error) {
  return [Math.max(0, value - error), value, value + error];
}

const KPIS = {
  transactions: {
    colour: "--second", plotter: barPlotter, write: compact, sum: (s) => count(s),
    point: (p) => band(p.transactions, SURE * p.transactions_sd),
  },
  value: {
    colour: "--accent", write: (v) => "$" + compact(v), sum: (s) => money(s),
    point: (p) => band(p.value / SCALE, SURE * p.value_sd / SCALE),
  },
  average: {
    colour: "--third", write: (v) => "$" + compact(v), sum: (s) => average(s),
    point: (p) => {
      const a = averageOf(p);
      return a ? band(a.value, a.error) : [null, null, null];
    },
  },
};

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Draws bars, each with an error bar if its figure is noisy.
function barPlotter(e) {
  const context = e.drawingContext, zero = e.dygraph.toDomYCoord(0), points = e.points;
  let gap = Infinity;
  for (let i = 1; i < points.length; i++) gap = Math.min(gap, points[i].canvasx - points[i - 1].canvasx);
  const width = Math.max(1, Math.min(22, 0.72 * gap));
  context.fillStyle = e.color;
  for (const p of points) {
    if (p.yval > 0) context.fillRect(p.canvasx - width / 2, p.canvasy, width, zero - p.canvasy);
  }
  if (width < 4) return;
  context.strokeStyle = colour("--soft");
  context.lineWidth = 1;
  for (const p of points) {
    if (!(p.yval_plus > p.yval) || !(p.yval > 0)) continue;
    context.beginPath();
    context.moveTo(p.canvasx, e.dygraph.toDomYCoord(p.yval_plus));
    context.lineTo(p.canvasx, e.dygraph.toDomYCoord(p.yval_minus));
    context.stroke();
  }
}

// A point without neighbours has no band, so this draws its error as a bar.
function lonePlotter(e) {
  const context = e.drawingContext, points = e.points, at = (i) => i >= 0 && i < points.length && !isNaN(points[i].yval);
  context.globalAlpha = 0.3;
  context.strokeStyle = e.color;
  context.lineWidth = 7;
  for (let i = 0; i < points.length; i++) {
    if (!at(i) || at(i - 1) || at(i + 1)) continue;
    context.beginPath();
    context.moveTo(points[i].canvasx, e.dygraph.toDomYCoord(points[i].yval_plus));
    context.lineTo(points[i].canvasx, e.dygraph.toDomYCoord(points[i].yval_minus));
    context.stroke();
  }
  context.globalAlpha = 1;
}

// The distance between labels of the time axis, for axes up to so many hours. The labels are at whole hours and days of
// the reader's own clock.
const TICKS = [
  [0.5, {minutes: 5}], [1.5, {minutes: 15}], [6, {minutes: 60}], [36, {minutes: 360}], [96, {days: 1}],
  [240, {days: 2}], [1100, {days: 7}], [4800, {months: 1}], [Infinity, {months: 3}],
];

function ticks(from, to) {
  const [, step] = TICKS.find(([hours]) => to - from <= hours * 3600000 * 1.02), out = [];
  const {minutes = 0, days = 0, months = 0} = step, at = new Date(from);
  at.setHours(0, 0, 0, 0);
  if (months) at.setDate(1);
  while (at <= to) {
    if (at >= from) out.push({v: at.getTime(), label: tickLabel(at, step)});
    at.setMonth(at.getMonth() + months, at.getDate() + days);
    at.setMinutes(at.getMinutes() + minutes);
  }
  return out;
}

function tickLabel(at, step) {
  if (step.minutes) return at.toLocaleTimeString("en-GB", {hour: "2-digit", minute: "2-digit"});
  return at.toLocaleDateString("en-GB", step.months ? {month: "short"} : {day: "numeric", month: "short"});
}

const LEAST_STEPS = 12; // of an axis

// Where the axis begins: at the first figures, if those are younger than the window.
function axisBegin(h) {
  const first = h.points.length ? h.points[0].at_s - h.step_s : h.from_s;
  const latest = Math.floor(h.now_s / h.step_s) * h.step_s - LEAST_STEPS * h.step_s;
  return Math.floor(Math.max(h.from_s, Math.min(first, latest)) / h.step_s) * h.step_s;
}

// One row for each step of the window. Steps in which nothing was measured are not drawn. Nor is the current
// step, once there are others: it is incomplete and would always look like a fall.
function rows(kpi) {
  const h = state.history, measured = new Map(h.points.map((p) => [p.at_s, p])), out = [];
  for (let at = axisBegin(h); at <= h.now_s; at += h.step_s) {
    const p = at + h.step_s > h.now_s && measured.size > 2 ? null : measured.get(at);
    out.push([new Date(1000 * at), p ? KPIS[kpi].point(p) : [null, null, null]]);
  }
  return out;
}

function options(kpi) {
  const write = KPIS[kpi].write;
  const axis = {axisLabelFontSize: 11, axisLineColor: colour("--line"), gridLineColor: colour("--grid")};
  return {
    labels: ["time", kpi],
    customBars: true,
    colors: [colour(KPIS[kpi].colour)],
    strokeWidth: state.history && state.history.points.length > 100 ? 1.3 : 2,
    fillAlpha: 0.2,
    pointSize: 2.5,
    drawGapEdgePoints: true,
    highlightCircleSize: kpi === "transactions" ? 0 : 4,
    includeZero: true,
    legend: "never",
    xRangePad: 6,
    rightGap: 4,
    plotter: KPIS[kpi].plotter || [Dygraph.Plotters.errorPlotter, lonePlotter, Dygraph.Plotters.linePlotter],
    axes: {
      x: {...axis, drawGrid: false, ticker: ticks},
      y: {...axis, axisLabelFormatter: (v) => write(v), axisLabelWidth: 44, pixelsPerLabel: 34},
    },
    // No dragging or zooming: a finger that scrolls the page must not move a chart instead.
    interactionModel: {},
    highlightCallback: (event, x, points, row) => crosshair(x, row),
    unhighlightCallback: () => crosshair(null),
  };
}

// Shows the same moment in all charts; X null: in none.
function crosshair(x, row) {
  for (const kpi of Object.keys(charts)) {
    const line = byId("chart-" + kpi).querySelector(".cross");
    line.hidden = x == null;
    if (x == null) setText("readout-" + kpi, "");
    else {
      line.style.left = charts[kpi].toDomXCoord(x) + "px";
      showReadout(kpi, row);
    }
  }
}

// "by minute", "by 10 minutes", "by day".
function bucketInWords(step_s) {
  const [size, name] = [[86400, "day"], [3600, "hour"], [60, "minute"]].find(([size]) => step_s >= size);
  const n = Math.round(step_s / size);
  return n === 1 ? `by ${name}` : `by ${n} ${name}s`;
}

function showReadout(kpi, row) {
  const h = state.history, at = axisBegin(h) + row * h.step_s;
  const p = h.points.find((q) => q.at_s === at);
  const f = p ? KPIS[kpi].sum(p) : null;
  const unfinished = at + h.step_s > h.now_s ? " so far" : "";
  setText("readout-" + kpi, f ? `${when(at)}${unfinished} · ${f.text} ${f.error}` : "");
}

function when(at) {
  return state.history.step_s >= 86400
    ? new Date(1000 * at).toLocaleDateString("en-GB", {day: "numeric", month: "short", timeZone: "UTC"}) + " (UTC)" : moment(at);
}

function drawChart(kpi) {
  const box = byId("chart-" + kpi), data = rows(kpi), seen = data.filter(([, v]) => v[1] != null);
  const top = Math.max(...seen.map(([, v]) => v[2]), 0);
  if (!charts[kpi]) {
    charts[kpi] = new Dygraph(box, data, {...options(kpi), valueRange: [0, top * 1.12 || 1]});
    box.append(make("div", {class: "cross", hidden: true}));
  }
  else charts[kpi].updateOptions({file: data, valueRange: [0, top * 1.12 || 1], strokeWidth: options(kpi).strokeWidth});
  if (!top) box.dataset.empty = seen.length || kpi === "average" ? "No transaction in this window yet" : "Nothing measured in this window yet";
  else delete box.dataset.empty;
  box.setAttribute("aria-label", describe(kpi, seen));
}

// The chart in words, for readers who cannot see it; the table below has every point.
function describe(kpi, seen) {
  const name = kpi === "average" ? "average value" : kpi;
  if (!seen.length) return `Chart of ${name} over the last ${state.window}: nothing measured yet`;
  const write = KPIS[kpi].write, last = seen[seen.length - 1];
  const high = seen.reduce((a, b) => (b[1][1] > a[1][1] ? b : a));
  return `Chart of ${name} over the last ${state.window}: ${seen.length} points, highest ${write(high[1][1])} at ` +
    `${when(high[0] / 1000)}, last ${write(last[1][1])}`;
}

function recolour() {
  for (const kpi of Object.keys(charts)) charts[kpi].updateOptions(options(kpi));
}
