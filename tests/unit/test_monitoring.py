"""The dashboard and the alert rules in deploy/ use names and labels that the program exports, and all metrics that there are."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector_mesh.domain.watching.families import COLLECTOR, METRICS

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
OTHERS: dict[str, set[str]] = {
    "up": set(),
    "process_cpu_seconds_total": set(),
    "process_resident_memory_bytes": set(),
}
SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds itself."""

WORDS = {"sum", "max", "count", "rate", "increase", "topk", "histogram_quantile", "vector", "label_values"} | {
    "by", "and", "or", "unless", "offset", "m"
}  # fmt: skip


def exported() -> Mapping[str, set[str]]:
    """The names of all series, each with its labels."""
    ours = {
        f"{metric.name}{suffix}": {COLLECTOR, *metric.labels, *(["le"] if suffix == "_bucket" else [])}
        for metric in METRICS.values()
        for suffix in SUFFIXES[metric.kind]
    }
    return {name: labels | SCRAPED for name, labels in {**ours, **OTHERS}.items()}


def dashboard() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    return made


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Every query, and the text that has labels of what it gives."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"], target["legendFormat"]
    for variable in dashboard()["templating"]["list"][1:]:
        yield variable["query"]["query"], ""
    for rule in rules():
        yield rule["expr"], " ".join(rule["annotations"].values())


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(("expression", "text"), EXPRESSIONS)
def test_a_query_uses_what_is_exported(expression: str, text: str) -> None:
    known = exported()
    selected = dict(re.findall(r"([a-z_]+)\{([^}]*)\}", expression))
    without = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|\$[a-z_]+", "", expression)
    grouped = {label for labels in re.findall(r"by \(([^)]*)\)", without) for label in labels.split(", ")}
    names = set(re.findall(r"\b(?:collector_mesh|process|up)\w*", without))
    labels = set().union(*(known[name] for name in names))
    words = set(re.findall(r"[a-z_]+", re.sub(r"by \([^)]*\)", "by", without))) - names - WORDS
    shown = set(re.findall(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}", text))

    assert names
    assert words <= labels
    assert grouped <= labels
    assert shown <= (grouped or labels)
    for name, selectors in selected.items():
        assert set(re.findall(r"(\w+) ?(?:=~|!=|=)", selectors)) <= known[name]
    assert expression.count("(") == expression.count(")")


def test_what_has_no_series_before_it_happens_for_the_first_time_is_seen_then_too() -> None:
    appearing = {
        "limit_reached_total",
        "shed_total",
        "events_total",
        "dispatched_errors_total",
        "served_errors_total",
    }
    once = [rule["expr"] for rule in rules() if "increase(" in rule["expr"] or "for" not in rule]

    assert once
    for expression in once:
        for name in re.findall(r"increase\(collector_mesh_(\w+)", expression):
            assert name not in appearing or f"unless collector_mesh_{name} offset" in expression


def test_a_rule_about_something_that_goes_on_looks_back_less_far_than_that() -> None:
    for rule in rules():
        for minutes in re.findall(r"rate\([^)]*\[(\d+)m\]\)\) > 0\b(?!\.)", rule["expr"]):
            assert int(minutes) < int(rule["for"].removesuffix("m")), rule["alert"]


def test_the_dashboard_shows_every_metric() -> None:
    text = json.dumps(dashboard())

    missing = [metric.name for metric in METRICS.values() if metric.name not in text]
    assert missing == []


def test_panels_have_a_place_and_an_id_of_their_own() -> None:
    panels = dashboard()["panels"]

    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_alert_rules_say_what_is_wrong() -> None:
    names = [rule["alert"] for rule in rules()]

    assert len(set(names)) == len(names) >= 10
    assert all(rule["labels"]["severity"] in {"info", "warning", "critical"} for rule in rules())
    assert all(rule["annotations"]["summary"] for rule in rules())
    assert all(re.fullmatch(r"\d+m", rule.get("for", "1m")) for rule in rules())
