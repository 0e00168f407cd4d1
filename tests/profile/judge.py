#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""judge.py delays REPORT JOURNAL SLOWLOG | losses REPORT JOURNAL PORT WIRE_PORT | quota CALM REPORT JOURNAL | sums REPORT |
clock REPORT BEFORE AFTER TID | live REPORT METRICS | stacks REPORT JOURNAL SOURCE | folded REPORT FILE | pprof REPORT FILE

Compares what `telltale profile --json` says with the journals of those who made the delays. What is compared is
always a time that was measured by the program that caused it; no time is expected by itself.
"""
import json
import re
import sys
from collections import defaultdict
from statistics import median

# mode -> the columns that have to have the delay.
WORKING, ANY = ("on_cpu", "waiting_for_cpu"), ("on_cpu", "waiting_for_cpu", "blocked")
WHERE = {
    "spin": ("connector_out", None, ("on_cpu",)),
    "spinback": ("connector_back", None, ("on_cpu",)),
    "postgres": ("connector_out", "postgresql", ANY),
    "redis": ("connector_out", "redis", ANY),
    "lock": ("connector_out", None, ("blocked",)),
    "wire": ("peer_and_wire", None, (None,)),
    "peer": ("peer_and_wire", None, (None,)),
    "stop": ("reply_wait", None, ("blocked",)),
    "busy": ("receive_wait", None, WORKING),
}


def own_keys(mode):
    part, waits, states = WHERE[mode]
    return {(part, waits, state) for state in states}


def load(path):
    return json.load(open(path))


def columns(hop):
    return {(c["part"], c["waits_for"], c["state"]): c["ns"] for c in hop["columns"]}


def check_sums(report):
    """Of each packet, and of all together: the columns sum to the time, to the nanosecond."""
    for hop in report["slowest"]:
        error = sum(columns(hop).values()) - hop["time_ns"]
        assert error == 0, f"the columns of a packet are {error} ns off"
    for name, kind in report["kinds"].items():
        if kind["columns"]:
            error = sum(c["ns"] for c in kind["columns"]) - kind["time_ns"]
            assert error == 0, f"the columns of {name} are {error} ns off"
    packets = sum(k["splits"]["split"] for k in report["kinds"].values())
    assert packets, "no packet was split"
    print(f"# {packets} packets: the columns sum to their time, error 0 ns")


def wire_of(hop, lines):
    """The line of what lies between the connector and its peer for this packet."""
    at = hop["at_ns"]
    return next(line for line in lines if "to_peer" in line and at[2] <= line["to_peer"][1] <= at[3])


def injected(mode, hop, lines):
    """How long the delay of this packet took, by the clock of the program that made it; None: not its line."""
    at = hop["at_ns"]
    for line in lines:
        if mode == "busy" and line["mode"] == "side":
            if line["spin"][0] <= at[0] <= line["spin"][1]:
                return line["spin"][1] - at[0]
        elif line["mode"] != mode:
            continue
        elif mode in ("spin", "spinback") and "spin" in line and at[1] <= line["spin"][0] <= at[5]:
            return line["spin"][2]
        elif mode in ("postgres", "redis", "lock") and mode in line and at[1] <= line["in"] <= at[2]:
            return line[mode]["took"]
        elif mode == "peer" and "peer" in line and at[2] <= line["peer"][0] <= at[3]:
            return line["peer"][1] - line["peer"][0]
        elif mode == "wire" and line is wire_of(hop, lines):
            return sum(line[way][1] - line[way][0] for way in ("to_peer", "from_peer"))
        elif mode == "stop" and "stop" in line and at[2] <= line["stop"][0] <= at[4]:
            return line["stop"][1] - at[3]
    return None


def beside(mode, hop, delay, calm, lines):
    """What the delay's column has of a packet besides it: the rest of what the wire saw, or what the control has."""
    if mode in ("wire", "peer"):
        line = wire_of(hop, lines)
        return line["from_peer"][1] - line["to_peer"][0] - delay
    # The connector that is busy with something else is not woken, so it does not wait for a CPU then.
    return 0 if mode == "busy" else sum(calm.get(key, 0) for key in own_keys(mode))


def by_mode(report, lines):
    hops = defaultdict(list)
    for hop in report["slowest"]:
        for line in lines:
            if "in" in line and hop["at_ns"][1] <= line["in"] <= hop["at_ns"][5]:
                hops[line["mode"]].append(hop)
    return hops


def medians(hops):
    keys = {key for hop in hops for key in columns(hop)}
    return {key: median(columns(hop).get(key, 0) for hop in hops) for key in keys}


def check_mode(mode, hops, calm, lines):
    own = own_keys(mode)
    delays = [injected(mode, hop, lines) for hop in hops]
    if mode == "busy":  # a packet may come when that is over
        hops, delays = [h for h, d in zip(hops, delays) if d], [d for d in delays if d]
    assert all(delays) and len(delays) >= 3, f"{mode}: the journal has no line for a packet"
    seen = [sum(columns(hop).get(key, 0) for key in own) for hop in hops]
    delay = median(delays)
    error = median(s - d - beside(mode, hop, d, calm, lines) for hop, s, d in zip(hops, seen, delays))
    print(f"# {mode}: injected {delay / 1e6:.3f} ms, its column {median(seen) / 1e6:.3f}, "
          f"{error / 1e6:+.3f} ms off the control's")
    # Others have to be woken to cause theirs.
    most = delay / (2 if mode in ("postgres", "redis", "lock", "peer", "wire") else 4)
    assert abs(error) < most, f"{mode}: the delay is not in its column"
    # How long the thread waits for a CPU, other programs decide, and in part how long its peer and what it depends on
    # do: each is a process of its own that has to be woken.
    for key, ns in medians(hops).items():
        if key not in own and key[2] != "waiting_for_cpu":
            most = delay / (2 if key[0] == "peer_and_wire" or key[1] else 4)
            assert ns - calm.get(key, 0) < most, f"{mode}: the delay is also in {key}: {ns} ns"


def take_redis_clock(lines, slowlog):
    """How long Redis slept by its own clock, which keeps what was slow, the newest first."""
    slept = [entry[2] * 1000 for entry in slowlog if entry[3] == ["DEBUG", "SLEEP", "0.03"]]
    asked = [line["redis"] for line in lines if line["mode"] == "redis" and "redis" in line]
    assert len(slept) == len(asked), f"Redis has slept {len(slept)} times, and not {len(asked)}"
    for line, took in zip(asked, reversed(slept)):
        line["took"] = took


def delays(report, lines, slowlog):
    check_sums(report)
    take_redis_clock(lines, slowlog)
    hops = by_mode(report, lines)
    assert len(hops["calm"]) >= 5, "no packets to compare with"
    calm = medians(hops["calm"])
    for mode in WHERE:
        assert len(hops[mode]) >= 5, f"{mode}: only {len(hops[mode])} packets were split"
        check_mode(mode, hops[mode], calm, lines)


def way_of(line, port, wire_port):
    if line["dest"] == port:
        return "to the connector"
    if line["source"] == port:
        return "to the sender"
    return "from the peer" if line["source"] == wire_port else "to the peer"


def lost_of(hop, events):
    """The ways of the segments of a packet that were lost, and from when until when each was missing in its time."""
    begin, end = hop["at_ns"][0], hop["at_ns"][5]
    within = ((way, max(came, begin), min(to, end)) for way, (came, to) in events)
    return [(way, came, to) for way, came, to in within if came < to]


def check_losses(way, part, found, whole, lines):
    """The time that a segment was missing is in the column PART of the packets in FOUND, and in no other.

    Other programs may make any one packet wait as long as that, and in any column; so the medians are compared.
    """
    errors, lost = [], [to - came for _, came, to in found]
    for (hop, came, _), ns in zip(found, lost):
        if part == "receive_wait":  # the rest of it was sent a while after the first of it had come
            besides = came - hop["at_ns"][0]
        else:
            line = wire_of(hop, lines)
            besides = line["from_peer"][1] - line["to_peer"][0]
        errors.append(sum(c["ns"] for c in hop["columns"] if c["part"] == part) - ns - besides)
    print(f"# lost {way}, {len(found)} times: missing for {median(lost) / 1e6:.3f} ms, "
          f"{median(errors) / 1e6:+.3f} ms off in {part}")
    assert median(map(abs, errors)) < median(lost) / 2, f"{way}: what was lost is not in {part}"
    for key, ns in medians([hop for hop, _, _ in found]).items():
        if key[0] != part and key[2] != "waiting_for_cpu":
            assert ns - whole.get(key, 0) < median(lost) / 2, f"{way}: what was lost is also in {key}: {ns} ns"


def losses(report, lines, port, wire_port):
    check_sums(report)
    events = [(way_of(line, port, wire_port), line["lost"]) for line in lines if "lost" in line]
    assert any(way == "to the sender" for way, _ in events), "no answer was lost"
    found, whole = defaultdict(list), []
    for hop in report["slowest"]:
        lost = lost_of(hop, events)
        if not lost:
            whole.append(hop)
        # What TCP missed at once was missing for no longer than other programs make a packet wait.
        elif len(lost) == 1 and lost[0][2] - lost[0][1] > 100e6:
            found[lost[0][0]].append((hop, *lost[0][1:]))
    # One that was lost after the answer had left is in no packet's time.
    for way, part in (("to the connector", "receive_wait"), ("to the peer", "peer_and_wire"), ("from the peer", "peer_and_wire")):
        assert len(found[way]) >= 2, f"{way}: only {len(found[way])} segments were lost"
        check_losses(way, part, found[way], medians(whole), lines)


def mean(report, wanted):
    kind = report["kinds"]["forwarded"]
    return sum(c["ns"] for c in kind["columns"] if wanted(c)) / kind["splits"]["split"]


def quota(before, after, lines):
    """With the CPU quota cut, the connector mostly waits for a CPU; the database has not become slower.

    On a busy machine other programs make it wait before the cut as well, so that the growth says little.
    """
    check_sums(after)
    whole, waiting, database, peer = (
        [mean(r, w) for r in (before, after)]
        for w in (lambda c: True, lambda c: c["state"] == "waiting_for_cpu",
                  lambda c: c["waits_for"] == "postgresql", lambda c: c["part"] == "peer_and_wire"))
    n = after["kinds"]["forwarded"]["splits"]["split"]
    late = [line["postgres"] for line in lines if line["mode"] == "work" and "postgres" in line][-n:]
    took, here = (sum(p[k] for p in late) / len(late) for k in ("took", "here"))
    own = whole[1] - database[1] - peer[1]
    print(f"# a packet takes {whole[1] / 1e6:.1f} ms (before the cut {whole[0] / 1e6:.1f}); of the connector's own "
          f"{own / 1e6:.1f} it waits for a CPU {waiting[1] / own:.0%}")
    print(f"# PostgreSQL: {took / 1e6:.1f} ms by its own clock, {database[1] / 1e6:.1f} in its column "
          f"(before {database[0] / 1e6:.1f}), {here / 1e6:.1f} by the connector's timer")
    assert waiting[1] >= 0.6 * own, "the wait for a CPU is not in its columns"
    # It has to be woken, which takes as long as other programs let it, but it does not wait for the connector's quota.
    assert abs(database[1] - took) < max(took / 2, own / 4), "the database's column is not the database's time"
    assert here > database[1], "the connector's own timer has the wait for a CPU in it as well"


def clock(report, before, after, tid):
    """The loop's clock against the kernel's own, which may leave out the time of interrupts."""
    thread = next(t for t in report["threads"] if t["tid"] == tid)
    for key, i, limit in (("on_cpu", 0, 0.10), ("waiting_for_cpu", 1, 0.10)):
        own = after[i] - before[i]
        error = thread[key] / own - 1
        print(f"# {key}: {thread[key] / 1e6:.1f} ms, {error:+.2%} of schedstat's")
        assert abs(error) < limit, f"{key} is {thread[key]} ns, and {own} by schedstat"


def live(report, text):
    """What the daemon shows of the same packets: another program saw them, a moment before or after."""
    kind = report["kinds"]["forwarded"]
    shown, wanted = defaultdict(float), defaultdict(float)
    for line in text.splitlines():
        found = re.match(r'telltale_column_ms_sum\{.*column="(\w+)"\} (\S+)', line)
        if found:
            shown[found[1]] = float(found[2])
    for c in kind["columns"]:
        inside = {"on_cpu": "on_cpu", "waiting_for_cpu": "waiting_for_cpu",
                  "blocked": "dependencies" if c["waits_for"] else "not_runnable"}
        name = inside[c["state"]] if c["part"].startswith("connector") else c["part"]
        wanted[name] += c["ns"] / 1e6
    packets = kind["splits"]["split"]
    for name, ms in wanted.items():
        assert abs(shown[name] - ms) <= 0.02 * ms + 0.5 * packets, f"{name}: {shown[name]} ms, profile: {ms} ms"
    off = abs(sum(shown.values()) - sum(wanted.values())) / packets
    print(f"# the daemon's columns of {packets} packets: as profile's, {off:.3f} ms a packet off together")


def check_stacks(report, lines, source):
    """Two functions share the time as the connector says, and the one inlined into them is on its line."""
    cpu = report["on_cpu"]
    named = {}
    for f in cpu["functions"]:
        if f["file"] == source:
            named[f["function"]] = f
    took = {name: sum(line["burn"][name] for line in lines if "burn" in line) for name in ("thirty", "seventy")}
    expected = 100 * took["thirty"] / (took["thirty"] + took["seventy"])
    seen = 100 * named["thirty"]["ns"] / (named["thirty"]["ns"] + named["seventy"]["ns"])
    unnamed = 100 * cpu["javascript_frames_unnamed"] / cpu["javascript_frames"]
    print(f"# {cpu['samples']} samples: {seen:.1f} : {100 - seen:.1f} where the connector says "
          f"{expected:.1f} : {100 - expected:.1f}; {unnamed:.2f} % of {cpu['javascript_frames']} frames of "
          f"JavaScript have no name; {cpu['cost_ns'] / cpu['samples_taken'] / 1000:.1f} us each")
    # Of 4,000 samples, 0.7 points are one standard deviation.
    assert abs(seen - expected) <= 3, "the split is off by more than 3 points"
    assert unnamed <= 1, "more than one frame in a hundred has no name"
    text = open(source).read().split("\n")
    for name in ("thirty", "seventy", "mix", "burn"):
        assert f"function {name} " in text[named[name]["line"] - 1], f"{name} is not on line {named[name]['line']}"
    mine = [line for line in cpu["lines"] if line["file"] == source]
    hottest = text[mine[0]["line"] - 1]
    assert "mix(" in hottest or "% 1000003" in hottest, f"the hottest line is: {hottest}"
    # What a thread did on a CPU while a packet was in hand, by its clock.
    assert sum(f["self_ns"] for f in cpu["functions"]) <= cpu["ns"]


def check_folded(report, path):
    """The folded stacks are the same time as the report's, each function's too; a line is rounded to microseconds."""
    lines = [line.rstrip("\n").rsplit(" ", 1) for line in open(path)]
    whole = sum(int(value) for _, value in lines)
    assert abs(whole - report["on_cpu"]["ns"] / 1000) <= len(lines), f"{whole} us are not the report's"
    for f in report["on_cpu"]["functions"]:
        if f["function"] in ("thirty", "seventy"):
            label = f"{f['function']} ({f['file']}:{f['line']})"
            us = sum(int(value) for stack, value in lines if label in stack.split(";"))
            assert abs(us - f["ns"] / 1000) <= len(lines), f"{label} has {us} us"
    print(f"# {len(lines)} folded stacks, {whole} us")


def check_pprof(report, path):
    """What pprof reads is the report's, to the sample and to the nanosecond."""
    text = open(path).read().split("Samples:\n")[1].split("Locations\n")[0]
    values = [line.split(":")[0].split() for line in text.splitlines()[1:] if ":" in line]
    samples, ns = (sum(int(value[i]) for value in values) for i in (0, 1))
    assert samples == report["on_cpu"]["samples"] and ns == report["on_cpu"]["ns"], f"{samples} samples, {ns} ns"
    print(f"# pprof reads {len(values)} stacks, {samples} samples, {ns} ns")


def main():
    what, *args = sys.argv[1:]
    if what == "sums":
        check_sums(load(args[0]))
    elif what == "delays":
        delays(load(args[0]), [json.loads(line) for line in open(args[1])], load(args[2]))
    elif what == "losses":
        losses(load(args[0]), [json.loads(line) for line in open(args[1])], int(args[2]), int(args[3]))
    elif what == "folded":
        check_folded(load(args[0]), args[1])
    elif what == "pprof":
        check_pprof(load(args[0]), args[1])
    elif what == "stacks":
        check_stacks(load(args[0]), [json.loads(line) for line in open(args[1])], args[2])
    elif what == "live":
        live(load(args[0]), open(args[1]).read())
    elif what == "quota":
        quota(load(args[0]), load(args[1]), [json.loads(line) for line in open(args[2])])
    else:
        before, after = ([int(n) for n in open(f).read().split()] for f in args[1:3])
        clock(load(args[0]), before, after, int(args[3]))


main()
