#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rules_test.py FOLDER: writes the tests of promtool test rules into FOLDER, beside the rule files: what
each alert wants to see, and what it does not mind; the windows over restarts, silences, a year.
"""
import json
import pathlib
import sys

import yaml

RULES = pathlib.Path(__file__).resolve().parents[2] / "scripts/deploy/service/prometheus/rules"
NODE = 'network="testnet",job="telltale",instance="a",source="a"'


def series(name, values, labels=""):
    return {"series": f'{name}{{{NODE}{"," if labels else ""}{labels}}}', "values": values}


OTHER = NODE.replace('instance="a"', 'instance="b"')
TWO = {"series": f"transactions_total{{{OTHER}}}", "values": "0+1x40"}
# Two under one id: what the store sees is now of the one, now of the other.
FLIPS = " ".join(["110 500"] * 20)

# Alert, when, the series that raise it, the series that do not, its own labels.
ALERTS = [
    ("network-alerts", "NodeSilent", "40m", [series("source:transactions:time", "0+60x10 600x30")],
     [series("source:transactions:time", "0+60x40")], {}),
    ("network-alerts", "NodeIncomplete", "2h", [series("telltale_coverage_complete", "0x120")],
     [series("telltale_coverage_complete", "1x120")], {}),
    ("network-alerts", "TwoSendAsOne", "40m", [series("transactions_total", "0+1x40"), TWO],
     [series("transactions_total", "0+1x40")], {}),
    ("network-alerts", "TwoSendAsOne", "40m", [series("transactions_total", FLIPS)],
     [series("transactions_total", "0+1x10 0+1x10 0+1x20")], {}),
    ("operator-alerts", "TwoSendAsOne", "40m", [series("transactions_total", "0+1x40"), TWO],
     [series("transactions_total", "0+1x40")], {}),
    ("network-alerts", "CollectorDown", "10m", [{"series": 'up{job="collectors",instance="c:1"}', "values": "0x10"}],
     [{"series": 'up{job="collectors",instance="c:1"}', "values": "1x10"}], {"job": "collectors", "instance": "c:1"}),
    ("network-alerts", "CollectorNotDelivering", "20m",
     [{"series": 'otelcol_exporter_send_failed_metric_points{instance="c:1"}', "values": "0+5x20"}],
     [{"series": 'otelcol_exporter_send_failed_metric_points{instance="c:1"}', "values": "5x20"}], {"instance": "c:1"}),
    ("network-alerts", "CollectorQueueFilling", "10m",
     [{"series": 'otelcol_exporter_queue_size{instance="c:1"}', "values": "60x10"},
      {"series": 'otelcol_exporter_queue_capacity{instance="c:1"}', "values": "100x10"}],
     [{"series": 'otelcol_exporter_queue_size{instance="c:1"}', "values": "40x10"},
      {"series": 'otelcol_exporter_queue_capacity{instance="c:1"}', "values": "100x10"}], {"instance": "c:1"}),
    ("network-alerts", "PointsDropped", "10m",
     [{"series": 'otelcol_processor_filter_datapoints_filtered{instance="c:1",filter="filter/network"}', "values": "0+1x10"}],
     [{"series": 'otelcol_processor_filter_datapoints_filtered{instance="c:1",filter="filter/network"}', "values": "3x10"}],
     {"instance": "c:1", "filter": "filter/network"}),
    ("network-alerts", "RulesFailing", "10m", [{"series": 'prometheus_rule_evaluation_failures_total{rule_group="g"}', "values": "0+1x10"}],
     [{"series": 'prometheus_rule_evaluation_failures_total{rule_group="g"}', "values": "1x10"}], {"rule_group": "g"}),
    ("network-alerts", "PublicBehind", "20m",
     [{"series": 'prometheus_remote_storage_highest_timestamp_in_seconds{job="prometheus"}', "values": "1000x20"},
      {"series": 'prometheus_remote_storage_queue_highest_sent_timestamp_seconds{job="prometheus",remote_name="public",url="u"}', "values": "600x20"}],
     [{"series": 'prometheus_remote_storage_highest_timestamp_in_seconds{job="prometheus"}', "values": "1000x20"},
      {"series": 'prometheus_remote_storage_queue_highest_sent_timestamp_seconds{job="prometheus",remote_name="public",url="u"}', "values": "990x20"}],
     {"job": "prometheus", "remote_name": "public", "url": "u"}),
    ("network-alerts", "TooManySeries", "40m", [series("transactions_total", "1x40", f'made_up="{i}"') for i in range(301)],
     [series("transactions_total", "1x40", f'made_up="{i}"') for i in range(300)], {}),
    ("operator-alerts", "NodeSilent", "40m", [series("source:transactions:time", "0+60x10 600x30")],
     [series("source:transactions:time", "0+60x40")], {}),
    ("operator-alerts", "ExportFailing", "10m", [series("telltale_export_consecutive_failures", "5x10", 'endpoint="e"')],
     [series("telltale_export_consecutive_failures", "2x10", 'endpoint="e"')], {"endpoint": "e"}),
    ("operator-alerts", "ExportRejected", "10m", [series("telltale_export_rejected_points_total", "0x5 1x5", 'endpoint="e"')],
     [series("telltale_export_rejected_points_total", "1x10", 'endpoint="e"')], {"endpoint": "e"}),
    ("operator-alerts", "ExportDropped", "10m", [series("telltale_export_failures_total", "0x5 1x5", 'endpoint="e"')],
     [series("telltale_export_failures_total", "1x10", 'endpoint="e"')], {"endpoint": "e"}),
    ("operator-alerts", "Gaps", "10m", [series("telltale_gaps_total", "0x5 1x5", 'cause="hole"')],
     [series("telltale_gaps_total", "1x10", 'cause="hole"')], {"cause": "hole"}),
    ("operator-alerts", "RingDrops", "10m", [series("telltale_records_dropped_total", "0x5 1x5")],
     [series("telltale_records_dropped_total", "1x10")], {}),
    ("operator-alerts", "UnreadableConnections", "10m", [series("telltale_opaque_connections_total", "0x5 1x5", 'reason="go"')],
     [series("telltale_opaque_connections_total", "1x10", 'reason="go"')], {"reason": "go"}),
    ("operator-alerts", "StaleRates", "30m", [series("telltale_rates_age_seconds", "-1x30", 'document="network"'),
                                              series("telltale_rates_failures_total", "0+1x30", 'document="network"')],
     [series("telltale_rates_age_seconds", "90000x30", 'document="network"')], {"document": "network"}),
    # Nobody configured it: it has no age, and does not fail.
    ("operator-alerts", "StaleRates", "30m", [series("telltale_rates_age_seconds", "180000x30", 'document="network"')],
     [series("telltale_rates_age_seconds", "-1x30", 'document="network"'),
      series("telltale_rates_failures_total", "0x30", 'document="network"')], {"document": "network"}),
    ("operator-alerts", "StaleRates", "30m", [series("telltale_rates_age_seconds", "180000x30", 'document="operator"')], [],
     {"document": "operator"}),
    ("operator-alerts", "NotConverted", "10m", [series("telltale_unattributed_total", "0x10"), series("telltale_unconverted_total", "0x5 1x5")],
     [series("telltale_unattributed_total", "1x10"), series("telltale_unconverted_total", "2x10")], {}),
    ("operator-alerts", "TablesFull", "10m", [series("telltale_evicted_total", "0x5 1x5", 'table="exchanges"')],
     [series("telltale_evicted_total", "1x10", 'table="exchanges"')], {"table": "exchanges"}),
    ("operator-alerts", "PrivacyState", "10m", [series("telltale_privacy_state_total", "0x5 1x5", 'event="older"')],
     [series("telltale_privacy_state_total", "1x10", 'event="older"')], {"event": "older"}),
]
COUNTERS = ("_total", "_failed_metric_points", "_datapoints_filtered")
# Which of a node's labels an alert keeps: all, but where it sums.
SUMMED = {"TwoSendAsOne", "TooManySeries", "Gaps", "UnreadableConnections", "NotConverted", "TablesFull"}
OF_A_NODE = {"network": "testnet", "job": "telltale", "instance": "a", "source": "a"}


def alert_labels(name, own, inputs):
    labels = dict(own)
    if "source=" in inputs[0]["series"]:
        labels |= {"network": "testnet", "source": "a"} if name in SUMMED else OF_A_NODE
    return labels


def alert_tests():
    """(file, test) of each alert: it is raised, it is not raised, and no counter that restarts raises it."""
    for file, name, when, raising, calm, own in ALERTS:
        yield file, raised({"name": f"{name} is raised", "interval": "1m", "input_series": raising}, file, name, when, own)
        if calm:
            yield file, silent(f"{name} is not", name, when, calm)
        if calm and calm[0]["series"].split("{")[0].endswith(COUNTERS):
            again = [series | {"values": "9x5 0x40"} for series in calm]
            yield file, silent(f"{name} is not by a restart", name, when, again)
    for file in ("network-alerts", "operator-alerts"):
        yield file, silent("a node that retired is silent for a day, no longer", "NodeSilent", "1500m",
                           [series("source:transactions:time", "0+60x10 600x1600")])
        yield file, silent("a node that was made anew, under another id, is one node", "TwoSendAsOne", "40m",
                           [series("transactions_total", "0+1x10"), TWO | {"values": "_x10 0+1x30"}])


def silent(test, alert, when, inputs):
    return {"name": test, "interval": "1m", "input_series": inputs,
            "alert_rule_test": [{"alertname": alert, "eval_time": when, "exp_alerts": []}]}


def windows_tests():
    def count(window, at, expected):
        return {"expr": f'network:transactions:count{{window="{window}"}}', "eval_time": at,
                "exp_samples": [{"labels": f'network:transactions:count{{network="testnet",window="{window}"}}', "value": expected}]}

    # A minute each. The node is restarted at 30, silent from 61 to 90, and Prometheus had no sample then.
    yield {"name": "a restart and a silence take nothing", "interval": "1m",
           "input_series": [series("transactions_total", "0+2x29 0+2x30 _x30 70+0x120"),
                            series("packet_amount_fulfill_total", "0+20000x29 0+20000x30 _x30 700000+0x120")],
           "promql_expr_test": [
               count("hour", "29m", 58), count("hour", "31m", 60), count("hour", "59m", 116), count("hour", "89m", 60),
               count("hour", "95m", 60), count("day", "95m", 128), count("hour", "180m", 0), count("year", "180m", 128),
               {"expr": 'network:value:average_usd{window="day"}', "eval_time": "95m",
                "exp_samples": [{"labels": 'network:value:average_usd{network="testnet",window="day"}', "value": 1}]},
               {"expr": 'network:value:average_usd{window="hour"}', "eval_time": "180m", "exp_samples": []}]}
    # Four exports a minute, looked at once a minute. It counts one an export, ends 45 s after a look with a
    # last export (122 instead of 119 at the look), and its next life is seen first as 0.
    yield {"name": "what a node counted between the last look and its end counts", "interval": "15s",
           "input_series": [series("transactions_total", "0+1x122 0+1x200"),
                            series("packet_amount_fulfill_total", "0+10000x122 0+10000x200")],
           "promql_expr_test": [
               count("hour", "30m", 120), count("hour", "31m", 123), count("hour", "40m", 159),
               {"expr": 'network:value:usd{window="hour"}', "eval_time": "40m",
                "exp_samples": [{"labels": 'network:value:usd{network="testnet",window="hour"}', "value": 159}]}]}
    # And again a minute later: the middle life, which ended at 4, counts as what the look at it saw, 1.
    yield {"name": "a node that is started over and over counts nothing twice", "interval": "15s",
           "input_series": [series("transactions_total", "0+1x122 0+1x4 0+1x200")],
           "promql_expr_test": [count("hour", "30m", 120), count("hour", "40m", 120 + 3 + 32)]}
    # Two nodes, one of which comes later and with a past.
    yield {"name": "each network has its own sums", "interval": "1m",
           "input_series": [series("transactions_total", "0+1x60"),
                            {"series": 'transactions_total{network="livenet",job="telltale",instance="z",source="z"}',
                             "values": "_x30 100+1x30"}],
           "promql_expr_test": [{"expr": 'network:transactions:count{window="hour"}', "eval_time": "50m", "exp_samples": [
               {"labels": 'network:transactions:count{network="testnet",window="hour"}', "value": 50},
               {"labels": 'network:transactions:count{network="livenet",window="hour"}', "value": 120}]}]}


def long_tests():
    """Of a year in steps of six hours."""
    def count(window, at, expected):
        return {"expr": f'network:transactions:count{{window="{window}"}}', "eval_time": at,
                "exp_samples": [{"labels": f'network:transactions:count{{network="testnet",window="{window}"}}', "value": expected}]}

    yield {"name": "day, week, month and year", "interval": "6h",
           "input_series": [series("transactions_total", "0+1x1600")],
           "promql_expr_test": [count("day", "390d", 4), count("week", "390d", 28), count("month", "390d", 120),
                                count("year", "390d", 1460), count("year", "100d", 400)]}


def silence_tests():
    """Looked at each ten minutes."""
    def count(window, at, expected):
        return {"expr": f'network:transactions:count{{window="{window}"}}', "eval_time": at,
                "exp_samples": [{"labels": f'network:transactions:count{{network="testnet",window="{window}"}}', "value": expected}]}

    yield {"name": "a node that was silent for two days and went on counting", "interval": "10m",
           "input_series": [series("transactions_total", "0+1x60 _x288 70+1x60")],
           "promql_expr_test": [count("hour", "60m", 6), count("day", "600m", 60), count("hour", "3480m", 0),
                                count("hour", "3510m", 12), count("week", "3510m", 72)]}


def outage_tests(days, expected):
    """A look each so many days: what Prometheus has when it was down meanwhile."""
    yield {"name": f"Prometheus was down for {days} days", "interval": f"{days}d", "input_series": [series("transactions_total", "1000+7x9")],
           "promql_expr_test": [{"expr": "network:transactions:carried", "eval_time": f"{4 * days}d",
                                 "exp_samples": [{"labels": 'network:transactions:carried{network="testnet"}', "value": expected}]}]}


def forgotten_tests():
    def carried(at, expected):
        return {"expr": "network:transactions:carried", "eval_time": at,
                "exp_samples": [{"labels": 'network:transactions:carried{network="testnet"}', "value": expected}]}

    yield {"name": "a node that was away", "interval": "1d", "input_series": [series("transactions_total", "5 _x80 7 _x95 9")],
           "promql_expr_test": [carried("1d", 5), carried("80d", 5), carried("81d", 7), carried("176d", 7), carried("177d", 7 + 9),
                                {"expr": "source:transactions:seen", "eval_time": "176d", "exp_samples": []}]}


def raised(test, file, name, when, own):
    """Labels and annotations as the rule's own file says them, filled in: a test of when, not of words."""
    rule = next(r for r in rules_of(RULES / f"{file}.yaml") if r["alert"] == name)
    labels = alert_labels(name, own, test["input_series"])

    def filled(text):
        for key, value in labels.items():
            text = text.replace("{{ $labels.%s }}" % key, value)
        assert "{{" not in text, f"{name}: {text} asks for a label it has not"
        return text

    test["alert_rule_test"] = [{"alertname": name, "eval_time": when, "exp_alerts": [{
        "exp_labels": rule["labels"] | labels,
        "exp_annotations": {k: filled(v).strip() for k, v in rule["annotations"].items()}}]}]
    return test


def write(folder, name, files, interval, tests):
    document = {"rule_files": [str(RULES / f"{f}.yaml") for f in files], "evaluation_interval": interval, "tests": tests}
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1))


def main():
    folder = pathlib.Path(sys.argv[1])
    by_file = {"network-alerts": [], "operator-alerts": []}
    for file, test in alert_tests():
        by_file[file].append(test)
    for file, tests in by_file.items():
        write(folder, file, [file], "1m", tests)
    write(folder, "windows", ["windows"], "1m", list(windows_tests()))
    write(folder, "year", ["windows"], "6h", list(long_tests()))
    write(folder, "silence", ["windows"], "10m", list(silence_tests()))
    write(folder, "away", ["windows"], "1d", list(forgotten_tests()))
    write(folder, "weekend", ["windows"], "2d", list(outage_tests(2, 1028)))
    write(folder, "down", ["windows"], "4d", list(outage_tests(4, 1000)))
    every = {(f.stem, r["alert"]) for f in RULES.glob("*-alerts.yaml") for r in rules_of(f)}
    untested = every - {(a[0], a[1]) for a in ALERTS}
    if untested:
        sys.exit(f"no test for {sorted(untested)}")


def rules_of(path):
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


main()
