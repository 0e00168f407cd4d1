#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dashboards.py: checks the dashboards with Grafana's own model (grafana-foundation-sdk): a key that the
model does not know is lost when it reads and writes a dashboard. No panel lies over another, each has a unit and a
description, and the boards have links to each other. Prints each such error; exit status 1."""
import json
import pathlib
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

BOARDS = pathlib.Path(__file__).resolve().parents[2] / "scripts/deploy/service/grafana/dashboards"


def lost(ours, theirs, at):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                yield f"{at}.{key} = {json.dumps(value)[:60]}"
            else:
                yield from lost(value, theirs[key], f"{at}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (a, b) in enumerate(zip(ours, theirs)):
            yield from lost(a, b, f"{at}[{i}]")
    elif ours != theirs:
        yield f"{at}: {json.dumps(ours)[:60]} became {json.dumps(theirs)[:60]}"


def overlaps(panels):
    taken = {}
    for panel in panels:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if x >= 24 or (x, y) in taken:
                    yield f"'{panel['title']}' lies over '{taken.get((x, y), 'the edge')}'"
                    return
                taken[x, y] = panel["title"]


def unexplained(panels):
    """Panels that leave a reader to guess. Rafiki's own are as Rafiki has them."""
    for panel in panels:
        if panel["type"] in ("row", "text"):
            continue
        if not panel.get("description"):
            yield f"'{panel['title']}' has no description"
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"'{panel['title']}' has no unit"


def main():
    register_default_plugins()
    wrong = 0
    for path in sorted(BOARDS.glob("*.json")):
        ours = json.loads(path.read_text())
        theirs = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))
        explained = [] if path.stem == "rafiki" else unexplained(ours["panels"])
        links = [] if any(link["tags"] == ["telltale"] for link in ours["links"]) else [f"{path.stem} has no links"]
        for problem in [*lost(ours, theirs, path.stem), *overlaps(ours["panels"]), *explained, *links]:
            wrong += 1
            print(problem)
    return 1 if wrong else 0


sys.exit(main())
