#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""history.py: writes what the public Prometheus would have after a network's last 31 days, in its third month, in OpenMetrics' text. The
figures are made up: payments grow, follow the hours of the day and rest at weekends. Nothing is drawn by chance, so that a picture
made of them changes only with what draws it."""
import math
import time

STEP, DAYS, SHOWN = 3600, 75, 31
PER_DAY = 86400 // STEP
WINDOWS = {"hour": PER_DAY // 24, "day": PER_DAY, "week": 7 * PER_DAY, "month": 30 * PER_DAY, "year": 365 * PER_DAY}


def busy(at):
    """How much of a usual step's payments there are at that moment."""
    hour, weekday = at / 3600 % 24, time.gmtime(at).tm_wday
    return (1 + 0.7 * math.sin((hour - 8) / 24 * 2 * math.pi)) * (0.6 if weekday > 4 else 1)


def steps(begin):
    """(time, transactions, dollars): the sums at each step."""
    transactions = dollars = 0
    for i in range(DAYS * PER_DAY + 1):
        at = begin + i * STEP
        grown = 0.35 + 0.65 * (i / (DAYS * PER_DAY)) + 0.05 * math.sin(i / 97)
        made = round(42 * grown * busy(at) + 2 * math.sin(i * 1.7))
        transactions += made
        dollars += made * (24 + 6 * math.sin(i / 211) + 3 * math.sin(i / 37))
        yield at, transactions, dollars


def main():
    begin = int(time.time()) - DAYS * 86400
    sums = list(steps(begin))
    series = {}

    def put(name, labels, at, value):
        series.setdefault((name, labels), []).append((at, value))

    for i, (at, transactions, dollars) in list(enumerate(sums))[-SHOWN * PER_DAY:]:
        for window, length in WINDOWS.items():
            _, before, spent = sums[i - length] if i >= length else (0, 0, 0)
            count, usd = transactions - before, dollars - spent
            put("network:transactions:count", f'window="{window}"', at, count)
            put("network:value:usd", f'window="{window}"', at, round(usd, 2))
            if count:
                put("network:value:average_usd", f'window="{window}"', at, round(usd / count, 4))
        for kind, share in (("prepare", 1), ("fulfill", 0.71), ("reject", 0.29)):
            put("network:packets:rate5m", f'kind="{kind}"', at, round(busy(at) * 0.4 * share * (0.4 + 0.6 * i / len(sums)), 4))
        put("network:pay_time_ms:p50", "", at, round(180 + 25 * busy(at) + 6 * math.sin(i / 5), 1))
        put("network:pay_time_ms:p95", "", at, round(520 + 130 * busy(at) + 40 * math.sin(i / 7), 1))
        nodes = 4 + 8 * i // len(sums)
        put("network:sources:count", "", at, nodes)
        put("network:sources_incomplete:count", "", at, 1 if 0.55 < i / len(sums) < 0.62 else 0)
    # A text of this kind has each metric's samples together.
    for name in sorted({name for name, _ in series}):
        print(f"# TYPE {name} gauge")
        for (of, labels), samples in series.items():
            for at, value in samples if of == name else ():
                print(f'{name}{{network="testnet"{"," if labels else ""}{labels}}} {value} {at}')
    print("# EOF")


main()
