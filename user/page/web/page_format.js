// SPDX-License-Identifier: Apache-2.0
// How figures are written: exact ones exactly, noisy ones rounded to the digits that their error leaves
// meaningful.

const SCALE = 10000; // values are in units of 0.0001
const SURE = 2;      // standard deviations: about 95 of 100 are within

// A noisy figure shows no digit that its error makes meaningless: 1234 with an error of 56 is 1,230 ± 60.
function rounding(error, most) {
  if (!(error > 0)) return {unit: 0, digits: most};
  const power = Math.max(Math.floor(Math.log10(error)), -most);
  return {unit: 10 ** power, digits: Math.min(Math.max(-power, 0), most)};
}

function decimals(value, digits) {
  return value.toLocaleString("en", {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

function rounded(value, error, most) {
  const {unit, digits} = rounding(error, most);
  return decimals(unit ? Math.round(value / unit) * unit : value, digits);
}

// The error, rounded up, so that it is never understated.
function roundedError(error, most) {
  const {unit, digits} = rounding(error, most);
  return decimals(Math.ceil(error / unit - 1e-9) * unit, digits);
}

function figure(value, error, money) {
  const most = money ? 2 : 0;
  return {
    text: (money ? "$" : "") + rounded(value, error, most),
    error: error > 0 ? "± " + (money ? "$" : "") + roundedError(error, most) : "",
  };
}

const count = (sum) => figure(sum.transactions, SURE * sum.transactions_sd, false);
const packets = (sum) => figure(sum.fulfilled, SURE * sum.fulfilled_sd, false);
const money = (sum) => figure(sum.value / SCALE, SURE * sum.value_sd / SCALE, true);

// Value over transactions, with the errors of both; null where there is no transaction.
function averageOf(sum) {
  if (!(sum.transactions > 0)) return null;
  const value = sum.value / sum.transactions / SCALE;
  const part = (sd, of) => (of > 0 ? SURE * sd / of : 0);
  return {value, error: value * Math.hypot(part(sum.value_sd, sum.value), part(sum.transactions_sd, sum.transactions))};
}

function average(sum) {
  const a = averageOf(sum);
  return a ? figure(a.value, a.error, true) : {text: "–", error: ""};
}

const whole = (n) => n.toLocaleString("en");

function compact(n) {
  return n.toLocaleString("en", {notation: "compact", maximumFractionDigits: 1});
}

function share(part, all) {
  if (!all) return "–";
  const percent = 100 * part / all;
  if (part && percent < 0.1) return "<0.1 %";
  if (part !== all && percent > 99.9) return ">99.9 %";
  return percent.toLocaleString("en", {maximumFractionDigits: percent < 10 ? 1 : 0}) + " %";
}

function milliseconds(ms) {
  if (ms >= 10000) return decimals(ms / 1000, 0) + " s";
  if (ms >= 1000) return decimals(ms / 1000, 1) + " s";
  return decimals(ms, 0) + " ms";
}

function clock(s) {
  return new Date(1000 * s).toLocaleTimeString("en-GB");
}

// With the year when the time is long ago.
function moment(s) {
  const far = Math.abs(state.status.time_s - s) > 300 * 86400;
  return new Date(1000 * s).toLocaleString("en-GB", {day: "numeric", month: "short", year: far ? "numeric" : undefined, hour: "2-digit", minute: "2-digit"});
}

// "3 minutes ago", as seen from the last snapshot.
function ago(s) {
  const seconds = Math.max(0, Math.round(state.status.time_s - s));
  const units = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [size, name] = units.find(([size]) => seconds >= size) || [1, "second"];
  const n = Math.floor(seconds / size);
  return seconds < 1 ? "now" : `${n} ${name}${n === 1 ? "" : "s"} ago`;
}

function duration(ms) {
  const minutes = Math.round(ms / 60000);
  if (minutes < 1) return decimals(ms / 1000, 0) + " s";
  if (minutes < 120) return minutes + " min";
  const hours = minutes / 60;
  return hours < 48 ? decimals(hours, 0) + " h" : decimals(hours / 24, hours < 240 ? 1 : 0) + " days";
}

function quantile(buckets, bounds, q) {
  const all = buckets.reduce((a, b) => a + b, 0);
  let below = 0;
  for (let i = 0; i < buckets.length; i++) {
    if (all && below + buckets[i] >= q * all && buckets[i]) {
      if (i >= bounds.length) return {ms: bounds[bounds.length - 1], beyond: true};
      const low = i ? bounds[i - 1] : 0;
      return {ms: low + (bounds[i] - low) * (q * all - below) / buckets[i], beyond: false};
    }
    below += buckets[i];
  }
  return null;
}
