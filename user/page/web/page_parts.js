// SPDX-License-Identifier: Apache-2.0
// The parts of the page below its head: figures, tables, and what they mean in words.

const withError = (f) => make("span", {}, f.text, f.error ? make("span", {class: "pm"}, " " + f.error) : null);

function currentSum() {
  return state.status.windows[state.view].find((w) => w.window === state.window);
}

/* --- traffic ----------------------------------------------------------------------------------- */

function drawTraffic() {
  const sum = currentSum();
  for (const kpi of Object.keys(KPIS)) {
    const f = KPIS[kpi].sum(sum);
    setText("kpi-" + kpi, f.text);
    setText(`kpi-${kpi}-error`, f.error);
    drawChart(kpi);
  }
  for (const b of document.querySelectorAll("[data-bucket]")) b.textContent = bucketInWords(state.history.step_s);
  for (const kind of ["csv", "json"]) {
    byId(kind).href = `history.${kind}?window=${state.window}&view=${state.view}`;
    byId(kind).download = `telltale-${state.window}.${kind}`;
  }
  byId("kpi-transactions").dataset.exact = sum.transactions;
  byId("kpi-value").dataset.exact = sum.value;
  setText("noise", sum.transactions ? noiseInWords(sum) : "");
  drawPoints();
}

function noiseInWords(sum) {
  const p = state.status.privacy;
  if (state.view === "network") {
    const moments = p.hour_clip ? "each full hour (UTC)" : "at midnight (UTC)";
    return `This is what the network is told: totals with noise, which change ${moments} only and count at most ` +
      `$${whole(p.day_clip / SCALE)} of one payment a day. Apart from what that cuts off, the true figure is within the ± shown 95 times in 100.`;
  }
  return "Counts are exact. Value is rounded up or down by chance and has noise, so that it is right on average: " +
    `at least 95 times in 100 the true figure is within the ± shown.${publishedInWords(sum)}`;
}

// What is published of the same payments; with continual that has a view of its own.
function publishedInWords(sum) {
  const s = state.status;
  if (s.mechanism === "continual" || !sum.value) return "";
  const shown = ` The network's figure for the same payments is $${decimals(sum.published / SCALE, 2)}`;
  const off = Math.round((sum.published / sum.value - 1) * 100);
  if (s.privacy.rounding === "unbiased" || !off) return shown + ".";
  return off > 0 ? `${shown}, about ${off} % more: its mechanism rounds most values up.` : `${shown}, about ${-off} % less.`;
}

function drawPoints() {
  const rows = state.history.points.slice().reverse().map((p) => make("tr", {},
    make("th", {scope: "row"}, when(p.at_s), p.at_s + state.history.step_s > state.history.now_s ? make("small", {}, " so far") : null), ...[count(p), money(p), average(p)].map((f) => make("td", {class: "n"}, withError(f)))));
  replace(byId("points").tBodies[0], rows);
}

function drawAll() {
  const rows = state.status.windows[state.view].map((w) => {
    const cell = (label, child) => make("td", {class: "n", "data-label": label}, child);
    const exact = {"data-transactions": w.transactions, "data-value": w.value};
    return make("tr", {"data-window": w.window, "data-selected": w.window === state.window, ...exact},
      make("th", {scope: "row"}, w.window[0].toUpperCase() + w.window.slice(1)),
      cell("Transactions", withError(count(w))), cell("Value", withError(money(w))), cell("Average", withError(average(w))),
      cell("Packets", withError(packets(w))),
      cell("Measured", make("span", {title: duration(w.covered_ms)},
        w.all_measured ? "all of it" : duration(w.covered_ms))));
  });
  replace(byId("all").tBodies[0], rows);
}

/* --- outcomes, times --------------------------------------------------------------------------- */

function probesInWords() {
  const n = state.history.probes;
  return n ? ` ${whole(n)} of them tried out rates and limits: a sender expects those to be rejected.` : "";
}

// A <details> that is there when N is not 0.
function fold(id, n, words) {
  const e = byId(id);
  e.hidden = !n;
  if (e.firstElementChild.textContent !== words) e.firstElementChild.textContent = words;
}

function drawOutcomes() {
  const o = state.history.outcomes, all = Object.values(o).reduce((a, b) => a + b, 0);
  const told = state.view === "own";
  byId("outcomes").hidden = !told;
  setText("outcomes-sub", !told ? "The network is not told this. “For you” shows it." : all ? `${whole(all)} packets in the last ${state.window}, forwarded ones included. Exact.${probesInWords()}`
    : `No packet in the last ${state.window}.`);
  byId("outcomes-stack").hidden = !all;
  const stack = Object.keys(OUTCOMES).filter((k) => o[k]).map((k) => {
    const part = make("div", {});
    part.style.flex = `${o[k]} 0 0`;
    part.style.background = `var(--o-${k})`;
    return part;
  });
  byId("outcomes-stack").replaceChildren(...stack);
  // The first two are of every node; of the others only those that occurred.
  const all_keys = Object.keys(OUTCOMES), none = all_keys.filter((key, i) => i > 1 && !o[key]);
  fold("outcomes-none", told && none.length, `${none.length} other outcome${none.length === 1 ? "" : "s"} did not occur`);
  replace(byId("outcomes-none").lastElementChild, none.map((key) => make("li", {}, OUTCOMES[key][0], make("small", {}, " " + OUTCOMES[key][1]))));
  const rows = Object.entries(OUTCOMES).filter(([key]) => !none.includes(key)).map(([key, [name, why]]) => make("tr", {"data-outcome": key, "data-zero": !o[key]},
    make("th", {scope: "row"}, make("span", {class: "swatch"}), name, make("small", {}, why)),
    make("td", {class: "n"}, whole(o[key] || 0)), make("td", {class: "n share"}, share(o[key] || 0, all))));
  byId("outcomes").tBodies[0].replaceChildren(...rows);
  for (const row of rows) row.querySelector(".swatch").style.background = `var(--o-${row.dataset.outcome})`;
}

function drawTimes() {
  const {bounds_ms: bounds, buckets} = state.history.pay_time, all = buckets.reduce((a, b) => a + b, 0);
  const most = Math.max(...buckets, 1), error = Math.ceil(SURE * state.history.pay_time.each_sd);
  setText("times-sub", all ? `${whole(all)} payments that ended in the last ${state.window}. Each bar: those that took up to so many ms${error ? `, ± ${whole(error)} for the noise` : ""}.`
    : `No payment has ended in the last ${state.window}.`);
  replace(byId("quantiles"), all ? [["Half within", 0.5], ["95 % within", 0.95], ["99 % within", 0.99]].map(([name, q]) => {
    const at = quantile(buckets, bounds, q);
    return make("div", {}, make("dt", {}, name), make("dd", {}, (at.beyond ? "> " : "≈ ") + milliseconds(at.ms)));
  }) : []);
  const label = (i) => (i < bounds.length ? (bounds[i] < 1000 ? bounds[i] : bounds[i] / 1000 + "s") : "more");
  byId("times-chart").hidden = !all;
  byId("times").parentElement.hidden = !all;
  const columns = buckets.slice(1).map((n, i) => {
    const col = make("div", {class: n ? "col" : "col zero"});
    col.style.height = `calc(${n / most} * (100% - 20px))`; // leaves room for the label below
    return make("div", {title: `${n}`}, col, make("small", {}, String(label(i + 1))));
  });
  byId("times-chart").replaceChildren(...columns);
  replace(byId("times").tBodies[0], buckets.map((n, i) => make("tr", {},
    make("th", {scope: "row"}, i < bounds.length ? milliseconds(bounds[i]) : "more"), make("td", {class: "n"}, whole(n)))));
}

/* --- exports ----------------------------------------------------------------------------------- */

function health(e) {
  if (e.consecutive_failures) return ["bad", "Failing"];
  if (!e.last_success_s) return ["warn", "Nothing accepted yet"];
  return ["good", "Delivering"];
}

function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, value));
}

function endpointItem(e) {
  const [kind, word] = health(e);
  return make("li", {"data-url": e.url, "data-health": kind},
    make("div", {class: "endpoint-head"}, make("strong", {}, e.url),
      make("span", {class: "chips"}, make("span", {class: "chip"}, e.audience === "network" ? "network" : "your own"),
        make("span", {class: "chip", "data-kind": kind}, word))),
    make("dl", {class: "facts"},
      fact("Last success", e.last_success_s ? ago(e.last_success_s) : "never"),
      fact("Delivered", whole(e.exports)), fact("Given up", whole(e.failures)),
      fact("Failing in a row", whole(e.consecutive_failures)), fact("Retries", whole(e.retries)),
      e.rejected_points ? fact("Points refused", whole(e.rejected_points)) : null,
      e.latency_ms != null ? fact("Latency", milliseconds(e.latency_ms)) : null,
      e.bytes != null ? fact("Bytes delivered", compact(e.bytes)) : null),
    e.last_error ? make("p", {class: "words"}, "Last error: " + e.last_error) : null);
}

/* --- targets ----------------------------------------------------------------------------------- */

function targetItem(t) {
  const kind = t.state === "attached" && !t.refused ? "good" : "warn";
  return make("li", {"data-target": t.name, "data-health": kind},
    make("div", {class: "endpoint-head"}, make("strong", {}, t.name),
      make("span", {class: "chips"}, make("span", {class: "chip", "data-kind": kind}, t.state))),
    make("p", {class: "words"}, `${whole(t.cgroups)} cgroup${t.cgroups === 1 ? "" : "s"}, ${t.state} since ${moment(t.since_s)}${t.reason ? ": " + t.reason : ""}`));
}

function drawTargets() {
  replace(byId("targets"), state.status.targets.map(targetItem));
}

/* --- exports ----------------------------------------------------------------------------------- */

function drawEndpoints() {
  const list = state.status.endpoints;
  setText("exports-sub", list.length
    ? `Every ${duration(state.status.interval_ms)} to ${list.length} collector${list.length === 1 ? "" : "s"}. Each export holds the totals so far, so the next one makes up for one that failed.`
    : "No collector is configured: nothing leaves this host.");
  replace(byId("endpoints"), list.map(endpointItem));
}

/* --- what was not seen ------------------------------------------------------------------------- */

function unseenItem(n, name, why, key) {
  return make("div", {"data-zero": !n, "data-cause": key}, make("dt", {}, name), make("dd", {}, whole(n)),
    n ? make("dd", {class: "why"}, why) : null);
}

// The items of what WANTED takes, by group; a group without any is left out.
function unseenGroups(wanted) {
  const u = state.history.unseen;
  return UNSEEN.map(([title, key, causes]) => {
    const items = Object.entries(causes).map(([cause, [name, why]]) => [(key ? u[key] : u)[cause] || 0, name, why, cause]).filter(([n]) => wanted(n));
    return items.length && make("section", {}, make("h3", {}, title), make("dl", {}, ...items.map((item) => unseenItem(...item))));
  }).filter(Boolean);
}

function drawUnseen() {
  const own = state.view === "own", u = state.history.unseen;
  const counts = UNSEEN.flatMap(([, key, causes]) => Object.keys(causes).map((cause) => (key ? u[key] : u)[cause] || 0));
  const clear = counts.filter((n) => !n).length;
  setText("unseen-sub", !own
    ? "The network is not told this. “For you” shows it."
    : clear < counts.length ? `In the last ${state.window}. None of this is in the figures above: what could not be seen is not counted as zero.`
      : `Nothing was missed in the last ${state.window}, as far as telltale can notice.`);
  byId("unseen").hidden = !own || clear === counts.length;
  replace(byId("unseen"), unseenGroups((n) => n));
  fold("clear", own && clear, `${clear} check${clear === 1 ? "" : "s"} clear`);
  replace(byId("clear").lastElementChild, unseenGroups((n) => !n));
}

/* --- what was sent ----------------------------------------------------------------------------- */

function sentValue(p) {
  if (p.shape !== "histogram") return BigInt(p.value).toLocaleString("en");
  return whole(Number(p.value)) + (p.sum_ms != null && Number(p.value) ? `, mean ${milliseconds(p.sum_ms / Number(p.value))}` : "");
}

function sentRow(p) {
  const labels = Object.entries(p.labels).map(([k, v]) => `${k}="${v}"`).join(" ");
  return make("tr", {"data-metric": p.name, "data-labels": labels, "data-value": p.value, "data-zero": p.value === "0", title: p.description},
    make("th", {scope: "row"}, p.name), make("td", {}, labels), make("td", {class: "n"}, sentValue(p)));
}

// An export counts as sent once the collector has accepted it.
function acceptedInWords() {
  const to = state.status.endpoints.filter((e) => e.audience === state.audience);
  const accepted = to.filter((e) => e.last_success_s && !e.consecutive_failures).length;
  if (!to.length) return "Nothing is sent, as no such collector is configured. It would get";
  return `Accepted by ${accepted} of ${to.length} collector${to.length === 1 ? "" : "s"}`;
}

function drawSent() {
  if (!state.sent) return;
  const a = state.sent[state.audience], words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = a.points.filter((p) => {
    const text = (p.name + " " + Object.values(p.labels).join(" ") + " " + p.description).toLowerCase();
    return words.every((w) => text.includes(w));
  });
  setText("sent-sub", `${acceptedInWords()}: ${a.points.length} figures at ${clock(state.sent.time_s)}, each with source="${state.sent.source}", noise by ${a.mechanism}` +
    `${shown.length === a.points.length ? "" : `; ${shown.length} shown`}. Amounts are in units of 0.0001 ${state.status.currency}.`);
  replace(byId("sent").tBodies[0], shown.map(sentRow));
}
