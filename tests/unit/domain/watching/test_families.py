"""The list of metrics is one that monitoring systems take, and families know how large they are."""

import re

import pytest

from collector_mesh.domain.watching.families import (
    COLLECTOR,
    METRICS,
    PREFIX,
    Buckets,
    Family,
    Metric,
    Sample,
)

ALL = pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)


@ALL
def test_names_and_labels_are_those_that_prometheus_allows_and_say_what_kind_they_are(metric: Metric) -> None:
    assert re.fullmatch(PREFIX + "[a-z][a-z_]*[a-z]", metric.name)
    assert all(re.fullmatch("[a-z]+", label) for label in metric.labels)
    # `le` belongs to histograms, and the collector's id is put beside every one.
    assert not {COLLECTOR, "le"} & set(metric.labels)
    assert len(set(metric.labels)) == len(metric.labels)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith("_seconds") or metric.kind != "histogram"
    assert "\n" not in metric.text
    assert metric.text.endswith(".")


def test_metrics_are_found_by_their_short_names_and_nobody_can_change_the_list() -> None:
    assert all(metric.name == PREFIX + name for name, metric in METRICS.items())
    with pytest.raises(TypeError):
        METRICS["more"] = METRICS["info"]  # type: ignore[index]  # this is what is refused


def test_a_histogram_takes_a_series_for_each_bucket_its_sum_and_its_number() -> None:
    plain = Sample(("a",), 1.0)
    buckets = Sample(("a",), Buckets((1, 0, 2), 0.5))

    assert (plain.series, buckets.series) == (1, 5)
    assert Family(METRICS["served_seconds"], (buckets, buckets)).series == 10
    assert Family(METRICS["info"], ()).series == 0
