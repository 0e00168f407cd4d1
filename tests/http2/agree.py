#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""agree.py exactly|nearly BEFORE NOW WAY=JOURNAL...: do the figures that telltale added between two readings of its
/metrics say what both ends of a wire counted? counts.py (../stacks/common) says what a journal and WAY are, and what is
expected of them. WAY is blind for an end inside TLS that cannot be read: its connections must be announced.

With ALIKE in the environment all packets are the same one, many at once: of those some are copies of others, which
cannot be known from the journals, so that only their sum is compared.

`nearly`: at most one exchange in a hundred is not counted, then telltale says that there was something, and it claims no
more than there was.
"""
import collections
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../stacks/common"))
import counts  # noqa: E402

COUNTED = ("telltale_exchanges", "telltale_exchanges_by_origin", "telltale_transactions", "telltale_rejects")
ANNOUNCED = ("telltale_gaps", "telltale_records_dropped", "telltale_opaque_connections")
# Besides, nothing may be left over.
LEFT_OVER = ("telltale_unmatched", "telltale_repeated", "telltale_lost")


def said(got):
    return sum(value for key, value in got.items() if key[0] in ANNOUNCED)


def table(want, got):
    wrong = 0
    for key in sorted(set(want) | {key for key in got if got[key]}, key=str):
        differs = got.get(key, 0) != want[key]
        wrong += differs
        name = f"{key[0]} {' '.join('='.join(label) for label in key[1:])}"
        print(f"{name:70}{want[key]:>8}{int(got.get(key, 0)):>8}{'  <<<' if differs else ''}")
    return wrong


def without_origins(counts_of):
    folded = collections.Counter()
    for key, value in counts_of.items():
        folded[(key[0], ("origin", "any")) if key[0] == "telltale_exchanges_by_origin" else key] += value
    return folded


def main():
    how, before, now, *seats = sys.argv[1:]
    before, now = counts.metrics(before), counts.metrics(now)
    seats = [seat.split("=", 1) for seat in seats]
    blind = [path for way, path in seats if way == "blind"]
    want = counts.expected([seat for seat in seats if seat[0] != "blind"])
    want = collections.Counter({key: value for key, value in want.items() if isinstance(key, tuple) and value})
    if not want:
        sys.exit("nothing was exchanged")
    got = {key: now[key] - before[key] for key in now if key[0] in COUNTED + ANNOUNCED + LEFT_OVER}
    if how == "nearly":
        claimed = sum(value for key, value in got.items() if key[0] == "telltale_exchanges")
        there = sum(value for key, value in want.items() if key[0] == "telltale_exchanges")
        print(f"{claimed} of {there} counted, {said(got)} announced")
        sys.exit(0 if there * 0.99 <= claimed <= there and (claimed == there or said(got)) else 1)
    if os.environ.get("ALIKE"):
        want, got = without_origins(want), without_origins(got)
    if blind and not said(got):
        sys.exit(f"nothing says that {blind} cannot be read")
    if blind:
        got = {key: value for key, value in got.items() if key[0] != "telltale_opaque_connections"}
    sys.exit(1 if table(want, got) else 0)


if __name__ == "__main__":
    main()
