"""What a reload has come to, for whoever has asked for it."""

import attrs
import pytest

from collector_mesh.domain.model.reloaded import Reloaded, ReloadReport


def test_a_report_of_problems_alone_says_that_nothing_has_changed() -> None:
    report = ReloadReport(problems=("settings.max_running must be at least 1",))

    assert report.reloaded == Reloaded((), (), ())
    assert report.warnings == ()


def test_two_that_have_come_to_the_same_are_equal_and_neither_can_be_changed() -> None:
    report = ReloadReport(Reloaded(("peers",), ("listen",), ("b",)))

    assert report == ReloadReport(Reloaded(changed=("peers",), needs_restart=("listen",), dismissed=("b",)))
    assert report != ReloadReport()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        report.reloaded.changed = ()  # type: ignore[misc]  # this is what is refused
