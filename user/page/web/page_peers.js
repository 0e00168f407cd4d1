// SPDX-License-Identifier: Apache-2.0
// Peers, and where a packet's time goes: counts since telltale's start, for the operator only.

const COLUMNS = {
  receive_wait: ["Receive wait", "until the connector has read the whole Prepare"],
  on_cpu: ["On CPU", "inside the connector"],
  waiting_for_cpu: ["Waiting for CPU", "its quota is used up, or other programs run"],
  dependencies: ["Dependencies", "databases and caches that it asks"],
  not_runnable: ["Not runnable", "it waits for something that is not seen"],
  peer_and_wire: ["Peer and wire", "until the peer's whole reply has come"],
  reply_wait: ["Reply wait", "until the connector reads that"],
};

const fine = (ms) => (ms < 10 ? decimals(ms, ms < 1 ? 3 : 2) + " ms" : milliseconds(ms));
const timed = (times, key) => (times.count ? fine(times[key]) : "–");

function codesInWords(codes) {
  const list = Object.entries(codes).filter(([, n]) => n).sort((a, b) => b[1] - a[1]);
  return list.map(([code, n]) => `${code} ${whole(n)}`).join(", ");
}

// What was earned; nothing was where nothing was forwarded.
function earned(p) {
  if (p.spread === undefined) return "–";
  const figure = money({value: Math.abs(p.spread), value_sd: p.spread_sd});
  return `${p.spread < 0 ? "−" : ""}${figure.text} ${figure.error}`;
}

function peerRow(p) {
  const cell = (label, text) => make("td", {class: "n", "data-label": label}, text);
  const codes = codesInWords(p.codes);
  return make("tr", {"data-peer": p.name, "data-exchanges": p.exchanges},
    make("th", {scope: "row"}, p.name, codes ? make("small", {}, ` ${codes}`) : null),
    cell("Packets", whole(p.exchanges)), cell("Fulfilled", share(p.fulfilled, p.exchanges)), cell("Value", money({value: p.value, value_sd: 0}).text), cell("Earned", earned(p)),
    cell("Peer, half", timed(p.peer, "median_ms")), cell("Peer, 95 %", timed(p.peer, "p95_ms")),
    cell("Held, half", timed(p.hold, "median_ms")), cell("Held, 95 %", timed(p.hold, "p95_ms")));
}

function columnRow(c, most) {
  const [name, why] = COLUMNS[c.name] || [c.name, ""];
  const bar = make("div", {class: "time-bar"});
  bar.style.width = `${100 * c.mean_ms / most}%`;
  return make("tr", {"data-column": c.name}, make("th", {scope: "row"}, name, make("small", {}, why)),
    make("td", {class: "n"}, fine(c.mean_ms)), make("td", {class: "time-cell", "aria-hidden": "true"}, bar));
}

function columnsInWords(c) {
  if (c.clocks < 0) return "Where a packet's time goes is not known: the kernel refuses the clocks; the log says why.";
  if (!c.clocks) return "Where a packet's time goes: “telltale profile” shows it, and with “profile: {columns: true}” this page does.";
  if (!c.split) return "Where a packet's time goes: no packet has been alone in its process yet.";
  return `Where a packet's time goes: the mean of the ${whole(c.split)} packets that were alone in their process, of ${whole(c.packets)} since ${moment(state.status.start_s)}.`;
}

function drawPeers() {
  const {peers, columns} = state.status, told = state.view === "own";
  byId("peers-card").hidden = !told;
  setText("peers-sub", peers.length ? `Where this node's packets went since ${moment(state.status.start_s)}. Value has noise, and so has what was earned by forwarding to it.` : "No packet has gone to a peer yet.");
  byId("peers").parentElement.hidden = !peers.length;
  replace(byId("peers").tBodies[0], peers.map(peerRow));
  setText("columns-sub", columnsInWords(columns));
  byId("columns").hidden = !columns.list.length;
  const most = Math.max(...columns.list.map((c) => c.mean_ms), 1e-6);
  byId("columns").tBodies[0].replaceChildren(...columns.list.map((c) => columnRow(c, most)));
}
