"use strict";
// SPDX-License-Identifier: Apache-2.0
// The local page: asks the daemon for its figures and draws them. The Makefile joins this file and page_*.js
// into one script.

const state = {
  window: "hour", view: "own", audience: "network", filter: "",
  status: null, history: null, sent: null, lost: false, timer: 0, asked: 0, changed: 0,
};

const WINDOWS = [["hour", "Hour"], ["day", "Day"], ["week", "Week"], ["month", "Month"], ["year", "Year"]];
const POLL_MIN_MS = 1000, POLL_MAX_MS = 15000, PATIENCE_MS = 10000, STALE_INTERVALS = 4;

const byId = (id) => document.getElementById(id);

// make("td", {class: "n"}, "text", child...): text is text, never markup.
function make(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === true) e.setAttribute(key, "");
    else if (value !== false && value != null) e.setAttribute(key, value);
  }
  e.append(...children.filter((c) => c != null && c !== ""));
  return e;
}

function setText(id, text) {
  const e = byId(id);
  if (e.textContent !== text) e.textContent = text;
}

// Replaces the content of E only when it changed, so that a selection or the focus in it survives.
function replace(e, children) {
  const next = make("div", {}, ...children);
  if (next.innerHTML !== e.innerHTML) e.replaceChildren(...next.childNodes);
}

function recall(key) {
  try { return localStorage.getItem("telltale." + key); } catch { return null; }
}

function remember(key, value) {
  try { localStorage.setItem("telltale." + key, value); } catch { /* not possible in a private window */ }
}

/* --- asking ------------------------------------------------------------------------------------ */

async function ask(path) {
  const response = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS)});
  if (!response.ok) throw new Error(response.status === 404 ? "starting" : "HTTP " + response.status);
  return response.json();
}

async function refresh() {
  const number = ++state.asked;
  clearTimeout(state.timer);
  try {
    const [status, history, sent] = await Promise.all([
      ask("status.json"),
      ask(`history.json?window=${state.window}&view=${state.view}`),
      ask("sent.json"),
    ]);
    if (number !== state.asked) return; // the reader chose another window meanwhile
    if (!state.status || status.time_s !== state.status.time_s) state.changed = performance.now();
    Object.assign(state, {status, history, sent, lost: false});
    draw();
    if (performance.now() - state.changed > STALE_INTERVALS * Math.max(status.interval_ms, POLL_MAX_MS)) throw new Error("stale");
  } catch (error) {
    if (number !== state.asked) return;
    state.lost = error.message || "lost";
    drawLost(error);
  }
  drawLive();
  plan();
}

function plan() {
  const wanted = state.status ? state.status.interval_ms : POLL_MIN_MS;
  clearTimeout(state.timer);
  if (!document.hidden) state.timer = setTimeout(refresh, Math.min(Math.max(wanted, POLL_MIN_MS), POLL_MAX_MS));
}

/* --- the page ---------------------------------------------------------------------------------- */

function drawLive() {
  drawTab();
  const live = byId("live");
  live.dataset.state = state.lost ? "lost" : state.status ? "live" : "wait";
  setText("live-text", state.lost ? (state.lost === "stale" ? "No new figures" : "Not connected") : state.status ? "Live · " + clock(state.status.time_s) : "Connecting");
}

function drawLost(error) {
  const notice = byId("lost");
  notice.dataset.kind = "bad";
  setText("lost", error.message === "starting"
    ? "telltale is starting: the kernel verifies its programs, which takes some seconds."
    : error.message === "stale" ? "telltale answers, but has produced no new figures for a while: see its log."
    : state.status ? "telltale does not answer. These are its last figures; the page continues by itself when telltale is back."
      : "telltale does not answer. The page continues by itself when it does.");
  notice.hidden = false;
  document.body.toggleAttribute("data-lost", Boolean(state.status));
}

function draw() {
  byId("lost").hidden = true;
  document.body.removeAttribute("data-lost");
  drawHead();
  drawNotices();
  drawConditions();
  drawTraffic();
  drawAll();
  drawOutcomes();
  drawTimes();
  drawTargets();
  drawEndpoints();
  drawPeers();
  drawUnseen();
  drawSent();
}

function drawHead() {
  const s = state.status;
  setText("instance", s.instance);
  setText("version", s.version);
  setText("network", s.network);
  byId("network").dataset.kind = s.network;
  setText("mechanism", "noise: " + (s.epsilon ? `${s.mechanism}, ε = ${Number(s.epsilon)}` : s.mechanism));
  setText("span", `Last ${state.window} up to ${moment(s.time_s)}. ${endInWords(s)}${beginInWords(s)}`);
  byId("views").hidden = !s.windows.network;
  if (!s.windows.network && state.view !== "own") choose("view", "own");
}

// Until the history can be written again, its figures do not contain what was counted since.
function endInWords(s) {
  const until = s.history.until_s;
  return until && until < s.time_s ? `Figures end at ${moment(until)}, when the history could last be written. ` : "";
}

// Says since when there are figures, if that is shorter than the window. The history's rows begin at full
// hours.
function beginInWords(s) {
  const since = s.history.since_s, {length_s: length} = s.windows.own.find((w) => w.window === state.window);
  const first = s.start_s > since && s.start_s < since + 3600 ? s.start_s : since;
  return since && first > s.time_s - length + (length > 86400 ? 86400 : 120)
    ? `There are no figures before ${moment(first)}.` : `Running since ${moment(s.start_s)}.`;
}

function drawNotices() {
  const s = state.status, trouble = byId("history-trouble");
  trouble.hidden = s.history.kept && !s.history.trouble;
  setText("history-trouble", s.history.trouble
    ? `History: ${s.history.trouble}.` : "The history is kept in memory only and is lost when telltale stops.");
}

/* --- how it does ------------------------------------------------------------------------------- */

const CONDITIONS = {good: ["✓", "fine"], waiting: ["…", "waiting"], warn: ["!", "look"], bad: ["✗", "act"]};
const ICONS = {good: "0d7a6f", waiting: "0d7a6f", warn: "b57a00", bad: "b3261e"};

// `commands` in TEXT as <code>.
function withCode(text) {
  return text.split("`").map((part, i) => (i % 2 ? make("code", {}, part) : part));
}

function conditionItem(c) {
  const [mark, word] = CONDITIONS[c.state];
  return make("li", {"data-part": c.part, "data-state": c.state},
    make("p", {class: "part"}, make("span", {class: "mark", "aria-hidden": "true"}, mark), c.part, make("span", {class: "hidden"}, ` (${word})`)),
    make("p", {}, c.text), c.fix ? make("p", {class: "fix"}, ...withCode(c.fix)) : null);
}

function drawConditions() {
  replace(byId("conditions"), state.status.conditions.map(conditionItem));
}

// Title and icon say how it does to who has the page in another tab.
function drawTab() {
  const kind = state.lost ? "bad" : state.status ? state.status.condition : "waiting";
  const mark = kind === "warn" || kind === "bad" ? CONDITIONS[kind][0] + " " : "";
  document.title = mark + (state.status ? `${state.status.instance} · telltale` : "telltale");
  const icon = byId("icon"), href = icon.href.replace(/%23[0-9a-f]{6}(?='\/%3E%3Cpath d='M7 9)/, "%23" + ICONS[kind]);
  if (icon.href !== href) icon.href = href;
}

/* --- choices ----------------------------------------------------------------------------------- */

const CHOICES = {
  window: {in: "windows", of: () => WINDOWS},
  view: {in: "views", of: () => [["own", "For you"], ["network", "As the network sees it"]]},
  audience: {in: "audiences", of: () => [["network", "To the network"], ["own", "To your own"]]},
};

function makeChoices(name) {
  const box = byId(CHOICES[name].in);
  for (const [value, text] of CHOICES[name].of()) {
    const input = make("input", {type: "radio", name, value, checked: state[name] === value});
    input.addEventListener("change", () => choose(name, value));
    box.append(make("label", {}, input, make("span", {}, text)));
  }
}

// What is chosen is in the address, so that it can be sent to somebody.
function address() {
  const chosen = new URLSearchParams(Object.keys(CHOICES).map((name) => [name, state[name]]));
  history.replaceState(null, "", "?" + chosen);
}

function choose(name, value) {
  state[name] = value;
  remember(name, value);
  address();
  for (const input of byId(CHOICES[name].in).querySelectorAll("input")) input.checked = input.value === value;
  if (name === "audience") drawSent();
  else refresh();
}

/* --- theme ------------------------------------------------------------------------------------- */

const THEMES = ["auto", "light", "dark"];

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  setText("theme-text", "Theme: " + theme);
  remember("theme", theme);
  recolour();
}

function start() {
  const asked = new URLSearchParams(location.search);
  for (const name of Object.keys(CHOICES)) {
    const wanted = asked.get(name) || recall(name);
    if (CHOICES[name].of().some(([value]) => value === wanted)) state[name] = wanted;
    makeChoices(name);
  }
  setTheme(THEMES.includes(recall("theme")) ? recall("theme") : "auto");
  byId("theme").addEventListener("click", () =>
    setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  byId("filter").addEventListener("input", (e) => { state.filter = e.target.value; drawSent(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  refresh();
}

document.addEventListener("DOMContentLoaded", start);
