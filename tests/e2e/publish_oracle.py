# SPDX-License-Identifier: Apache-2.0
"""Compares `telltale rates publish` with the same rules, implemented again in Python with fractions.

    publish_oracle.py TELLTALE FOLDER ROUNDS [SEED]
"""
import datetime
import decimal
import fractions
import json
import os
import random
import subprocess
import sys

telltale, folder, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
seed = int(sys.argv[4]) if len(sys.argv) > 4 else 20261123
rng = random.Random(seed)
Fraction = fractions.Fraction
CODES = [f"A{i}" for i in range(12)] + ["EUR"]
TODAY = datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def text_of(value, digits):
    """A rational as a decimal of so many digits, and the value of that decimal."""
    context = decimal.Context(prec=digits)
    text = str(context.divide(decimal.Decimal(value.numerator), decimal.Decimal(value.denominator)))
    return text, Fraction(text)


def near(value):
    """What a source may give for a rate: nearly the same, the inverse, or something else."""
    kind = rng.random()
    if kind < 0.06:
        return 1 / value
    return value * Fraction(rng.randint(980, 1020) if kind < 0.85 else rng.randint(700, 1400), 1000)


def make_source(kind, world, path):
    """Writes a document of that kind; returns what one USD buys according to it."""
    quotes = {code: near(value) for code, value in world.items() if rng.random() < 0.8}
    quotes.setdefault("A0", near(world["A0"]))
    said = {}
    if kind == "rafiki" and rng.random() < 0.5:
        rates = {}
        for code, value in quotes.items():
            rates[code], said[code] = text_of(value, rng.randint(3, 17))
        body = '{"base":"USD","rates":{' + ",".join(f'"{c}":{r}' for c, r in rates.items()) + "}}"
    elif kind == "merchant":
        values = {}
        for code, value in quotes.items():
            values[code], worth = text_of(1 / value, rng.randint(3, 17))
            said[code] = 1 / worth
        body = json.dumps({"merchant": {c: {"USD": v} for c, v in values.items()}})
    else:
        base = "EUR"
        per_usd = quotes.pop("EUR", near(world["EUR"]))
        usd_text, usd = text_of(1 / per_usd, 6)
        said["EUR"] = 1 / usd
        rates = {}
        for code, value in quotes.items():
            rates[code], rate = text_of(value * usd, rng.randint(3, 12))
            said[code] = rate / usd
        if kind == "rafiki":
            rates["USD"] = usd_text
            body = (f'{{"base":"{base}","rates":{{'
                    + ",".join(f'"{c}":{r}' for c, r in rates.items()) + "}}")
        else:
            cubes = "".join(f"<Cube currency='{c}' rate='{r}'/>" for c, r in rates.items())
            body = ("<?xml version='1.0' encoding='UTF-8'?><gesmes:Envelope "
                    "xmlns:gesmes='http://www.gesmes.org/xml/2002-08-01' "
                    "xmlns='http://www.ecb.int/vocabulary/2002-08-01/eurofxref'>"
                    f"<Cube><Cube time='{TODAY}'><Cube currency='USD' rate='{usd_text}'/>"
                    f"{cubes}</Cube></Cube></gesmes:Envelope>")
    with open(path, "w") as file:
        file.write(body)
    return said


def within(a, b, percent):
    return abs(a - b) <= b * Fraction(percent) / 100


def expected(sources, previous, max_change, confirm, digits, failed):
    """The document, as pairs of code and rational; None for nothing to publish."""
    document, fresh, dropped = {}, 0, 0
    for code in sorted(set(previous).union(*sources)):
        votes = [s[code] for s in sources if code in s]
        before = previous.get(code)
        taken = []
        for i, vote in enumerate(votes):
            others = votes[:i] + votes[i + 1:]
            usual = within(vote, before, max_change) if before else not others
            if usual or any(within(vote, o, confirm) and within(o, vote, confirm) for o in others):
                taken.append(vote)
        if taken:
            taken.sort()
            middle = (taken[(len(taken) - 1) // 2] + taken[len(taken) // 2]) / 2
            context = decimal.Context(prec=digits, rounding=decimal.ROUND_HALF_EVEN)
            document[code] = Fraction(context.divide(decimal.Decimal(middle.numerator),
                                                     decimal.Decimal(middle.denominator)))
            fresh += 1
        elif before and (votes or failed):
            document[code] = before
        elif before:
            dropped += 1
    if not fresh or dropped > len(previous) // 2:
        return None
    return document


kept = refused = 0
for turn in range(rounds):
    world = {code: Fraction(rng.randint(1, 10**6), 10 ** rng.randint(0, 9)) for code in CODES}
    kinds = [rng.choice(["rafiki", "merchant", "ecb"]) for _ in range(rng.randint(1, 5))]
    options, sources = [], []
    for i, kind in enumerate(kinds):
        path = os.path.join(folder, f"source{i}")
        sources.append(make_source(kind, world, path))
        options += ["--source", f"{kind}:{path}"]
    failed = rng.random() < 0.2
    if failed:
        options += ["--source", "ecb:/nonexistent"]
    out = os.path.join(folder, "out.json")
    previous = {}
    if os.path.exists(out):
        os.unlink(out)
    if rng.random() < 0.8:
        texts = {}
        for code, value in world.items():
            if rng.random() < 0.8:
                texts[code], previous[code] = text_of(near(value), 12)
        if previous:
            with open(out, "w") as file:
                file.write('{"base":"USD","rates":{'
                           + ",".join(f'"{c}":{t}' for c, t in texts.items()) + "}}")
    limits = rng.choice([(10, 5), (Fraction(5, 2), 1), (30, "0.5")])
    digits = rng.choice([4, 9, 15, 18])
    want = expected(sources, previous, limits[0], limits[1], digits, failed)
    result = subprocess.run(
        [telltale, "rates", "publish", "--to", out, "--max-change", str(float(limits[0])),
         "--confirm-within", str(limits[1]), "--digits", str(digits)] + options,
        capture_output=True, text=True, check=False)
    where = f"seed {seed}, round {turn}: {' '.join(options)}\n{result.stdout}{result.stderr}"
    if want is None:
        assert result.returncode == 1, where
        refused += 1
        continue
    assert result.returncode == 0, where
    with open(out) as file:
        got = json.load(file, parse_float=Fraction, parse_int=Fraction)
    assert got["base"] == "USD", where
    kept += "keeps the rate" in result.stderr
    differ = {c: (got["rates"].get(c), want.get(c)) for c in {**got["rates"], **want}
              if got["rates"].get(c) != want.get(c)}
    assert not differ, f"{where}\n{differ}"
    assert list(got["rates"]) == sorted(got["rates"]), where
print(f"{rounds} rounds, {refused} refused, {kept} with rates kept")
assert kept
