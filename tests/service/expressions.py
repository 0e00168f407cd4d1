#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""expressions.py NETWORK PUBLIC OWN: the URLs of three Prometheus servers. Runs every PromQL expression
of the dashboards, the recording rules and the alerts there, and says which does not give data of the
right shape. A line for each expression; exit status 1 when one is wrong.

An alert gives no data when all is well. So only its metrics must be known and its expression valid;
promtool test rules makes it fire.
"""
import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

SERVICE = pathlib.Path(__file__).resolve().parents[2] / "scripts/deploy/service"
RULES = SERVICE / "prometheus/rules"
# These have no series until they happen: a point that was dropped or given up, a sample that is too late.
MAY_LACK = {
    "otelcol_exporter_send_failed_metric_points",
    "otelcol_processor_filter_datapoints_filtered",
    "ALERTS",
}
WORDS = set("""sum max min count by without on ignoring group_left group_right rate increase offset time timestamp
unless or and end vector label_replace histogram_quantile round last_over_time max_over_time sum_over_time resets bool clamp_min""".split())


def ask(server, path, **parameters):
    url = f"{server}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as err:
        return {"resultType": "error", "result": json.load(err).get("error", str(err))}


def names(expression):
    """The metrics it asks for: words that are neither PromQL's nor a label's."""
    bare = re.sub(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"', " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    return {w for w in re.findall(r"[a-zA-Z_:][\w:]*", bare) if w not in WORDS and not re.fullmatch(r"\d+[smhdwy]?|[smhdwy]", w)}


def fill_in(expression):
    return expression.replace("$__rate_interval", "10s").replace("$__range", "10m").replace("$source", ".*")


def queries():
    """(where, server, expression, shape): shape is one, some, matrix, known."""
    servers = dict(zip(("network", "public", "operator"), sys.argv[1:]))
    for path in sorted((SERVICE / "grafana/dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        # Rafiki's dashboard is the operator's too; only the operator has all of its metrics.
        server = servers["operator" if path.stem == "rafiki" else path.stem]
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                shape = "one" if panel["type"] == "stat" and target["instant"] else \
                    "some" if target["instant"] else "matrix"
                where, expression = f"{path.stem}: {panel['title']}", fill_in(target["expr"])
                # What has not happened is not shown: the whole has no data then, what it chooses from has.
                chosen = re.match(r"(.*?)( and sum by .*@ end\(\)\))? > 0$", expression)
                if chosen:
                    yield where, server, expression, "known"
                yield where, server, chosen[1] if chosen else expression, shape
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                metric = re.match(r"label_values\((.*), source\)", variable["query"]["query"])[1]
                yield f"{path.stem}: ${variable['name']}", server, f"count by (source) ({metric})", "some"
    for path in sorted(RULES.glob("*.yaml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                server = servers["operator" if path.stem == "operator-alerts" else "network"]
                shape = "known" if "alert" in rule else "some"
                yield f"{path.stem}: {rule.get('alert') or rule['record']}", server, rule["expr"], shape
                if shape == "some":
                    yield f"{path.stem}: written", server, rule["record"], "some"


def judge(server, expression, shape):
    """None, or what is wrong."""
    if shape == "matrix":
        now = time.time()
        data = ask(server, "query_range", query=expression, start=now - 15, end=now, step=1)
    else:
        data = ask(server, "query", query=expression)
    if data["resultType"] == "error":
        return data["result"]
    if data["resultType"] != ("matrix" if shape == "matrix" else "vector"):
        return f"is a {data['resultType']}"
    if shape == "one" and len(data["result"]) != 1:
        return f"{len(data['result'])} values for one"
    if shape == "known" or (not data["result"] and names(expression) & MAY_LACK):
        missing = [n for n in sorted(names(expression) - MAY_LACK)
                   if not ask(server, "query", query=f"count({n})")["result"]]
        return f"nothing has the name {', '.join(missing)}" if missing else None
    if not data["result"]:
        return "no data"
    values = [v for r in data["result"] for v in (r.get("values") or [r["value"]])]
    # A quantile without data yet is NaN; a panel with nothing but NaN shows nothing.
    if all(v[1] in ("NaN", "+Inf", "-Inf") for v in values):
        return "every value is " + values[0][1]
    return None


def main():
    total = wrong = 0
    for where, server, expression, shape in queries():
        total += 1
        problem = judge(server, expression, shape)
        if problem:
            wrong += 1
            print(f"{where}: {problem}\n    {' '.join(expression.split())}")
    print(f"{total} expressions, {wrong} wrong")
    return 1 if wrong or not total else 0


sys.exit(main())
