#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""counts.py TELLTALE.truth TELLTALE.metrics WAY=JOURNAL...: do telltale's figures say what the stack counted?

A journal has a line per exchange: its way, destination, amount and outcome. WAY says how its packets
cross the target: sent (its own payments), received, forwarded (each comes in and goes out). With a proxy
in the same target, which adds a connection, it is sent-inside or received-inside. The rules are
telltale's: protocol packets and zero amounts do not belong to a payment; a destination is a payment once
one of its packets was fulfilled, else a probe.
"""
import collections
import fractions
import json
import re
import sys

EUR = fractions.Fraction("0.813399")  # lib.sh's rate, at scale 6
# By whose payment it is, as Rafiki names them.
OPERATIONS = {"originated": "outgoing_payment", "received": "incoming_payment", "forwarded": "routing"}
IN_USD = fractions.Fraction(10**4, 10**6) / EUR

# The origin of the payments; then, for each connection of the target that a packet crosses, its role and origin.
WAYS = {
    "sent": ("originated", [("out", "originated")]),
    "received": ("received", [("in", "received")]),
    "forwarded": ("forwarded", [("in", "forwarded"), ("out", "forwarded")]),
    "sent-inside": ("originated", [("out", "originated"), ("in", "proxy_copy"), ("out", "proxy_copy")]),
    "received-inside": ("received", [("in", "received"), ("out", "proxy_copy"), ("in", "proxy_copy")]),
}


def journal(path, wanted):
    with open(path) as lines:
        for line in lines:
            way, destination, amount, outcome = line.split()
            if way == wanted:
                yield destination, int(amount), *(outcome.split(":") + [""])[:2]


def metrics(path):
    """{(name, {labels})}: the value of every series."""
    series = collections.Counter()
    for line in open(path):
        match = re.match(r"(\w+?)(?:_total)?(?:\{(.*)\})? (\S+)$", line)
        labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
        labels.pop("source", None)
        series[match[1], *sorted(labels.items())] += float(match[3])
    return series


def expected(seats):
    """What telltale should say, as {truth key or (metric, label): number}."""
    want = collections.Counter({key: 0 for key in
                                "transactions prepares fulfills rejects value probe_prepares probe_rejects".split()})
    for seat, path in seats:
        origin, hops = WAYS[seat]
        streams = collections.defaultdict(list)
        for destination, amount, outcome, code in journal(path, "sent" if origin == "originated" else "received"):
            for role, told in hops:
                want["telltale_exchanges", ("outcome", outcome)] += 1
                if destination.startswith("peer."):  # all have the same condition, so only the role counts
                    told = "originated" if role == "out" else "received"
                want["telltale_exchanges_by_origin", ("origin", told)] += 1
            protocol = destination.startswith("peer.")
            if outcome == "rejected":  # one packet is one, on however many connections, but for protocol packets
                want["telltale_rejects", ("code", code),
                     ("operation", "unknown" if protocol else OPERATIONS[origin])] += len(hops) if protocol else 1
            if protocol:
                continue
            if amount:
                streams[destination].append((amount, outcome, code))
        for packets in streams.values():
            outcomes = [outcome for _, outcome, _ in packets]
            paid = "fulfilled" in outcomes
            want["telltale_transactions", ("origin", origin)] += paid
            if origin != "originated":
                continue
            kind = "" if paid else "probe_"
            want[kind + "prepares"] += len(packets)
            # A Prepare that ends without a packet is one of its connector's rejects.
            want[kind + "rejects"] += sum(outcome not in ("fulfilled", "lost") for outcome in outcomes)
            if paid:
                want["transactions"] += 1
                want["fulfills"] += outcomes.count("fulfilled")
                want["value"] += sum(amount * IN_USD // 1 for amount, outcome, _ in packets if outcome == "fulfilled")
    return want


def main():
    truth_path, metrics_path, *seats = sys.argv[1:]
    seats = [seat.split("=", 1) for seat in seats]
    truth, series = json.load(open(truth_path)), metrics(metrics_path)
    want = expected(seats)
    if not any(isinstance(key, tuple) for key in want):
        sys.exit("nothing was exchanged")
    # Everything else that telltale counts of these is wrong, and nothing may be lost or unreadable.
    for name in ("telltale_exchanges", "telltale_exchanges_by_origin", "telltale_transactions", "telltale_rejects",
                 "telltale_gaps", "telltale_records_dropped", "telltale_unmatched", "telltale_opaque_connections"):
        for key, value in series.items():
            if key[0] == name and value:
                want[key] += 0
    wrong = 0
    for key in sorted(want, key=str):
        seen = truth[key] if isinstance(key, str) else int(series[key])
        name = key if isinstance(key, str) else f"{key[0]} {' '.join('='.join(label) for label in key[1:])}"
        differs = seen != want[key]
        wrong += differs
        print(f"{name:60}{want[key]:>14}{seen:>14}{'  <<<' if differs else ''}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
