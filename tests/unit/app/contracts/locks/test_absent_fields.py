"""Programs of two versions of a contract: nothing that one sends is another value to the other, unless the lock refuses it."""

from dataclasses import make_dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.unit.app.contracts.types.echo import described_of

from collector_mesh.app.contracts.locks.changes import changes
from collector_mesh.app.contracts.locks.comparing import compared
from collector_mesh.app.contracts.locks.lock import Lock
from collector_mesh.app.contracts.locks.reading import lock_of
from collector_mesh.app.contracts.locks.text import text_of

PLAIN = make_dataclass("Model", [("value", int)])
WITH_DEFAULT = make_dataclass("Model", [("value", int, 5)])
MAY_BE_NONE = make_dataclass("Model", [("value", int | None, None)])


@pytest.mark.parametrize(
    ("writes", "reads"), [(PLAIN, WITH_DEFAULT), (PLAIN, MAY_BE_NONE), (WITH_DEFAULT, PLAIN)]
)
def test_a_zero_is_a_zero_to_programs_of_another_version(writes: Any, reads: Any) -> None:
    data = described_of(writes).codec("echo").write_request((writes(0),), {})

    assert described_of(reads).codec("echo").read_request(data) == (reads(0),)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (PLAIN, MAY_BE_NONE, "the field 'value' (1) of 'test.v1.Model' may be None now"),
        (WITH_DEFAULT, PLAIN, "the field 'value' (1) of 'test.v1.Model' must be given now"),
        (MAY_BE_NONE, PLAIN, "the field 'value' (1) of 'test.v1.Model' must be given now"),
        (str, Decimal, "test.v1.EchoReply.value is Decimal now, was any text"),
        (list[UUID], list[str], "test.v1.EchoReply.value is any text now, was UUID"),
        (dict[str, date], dict[str, Decimal], "test.v1.EchoReply.value is Decimal now, was date"),
        (int, int | None, "the field 'value' (1) of 'test.v1.EchoReply' may be None now"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(old: Any, new: Any, text: str) -> None:
    assert text in " ".join(compared(described_of(old).shape, described_of(new).shape))


@pytest.mark.parametrize(("old", "new"), [(PLAIN, WITH_DEFAULT), (MAY_BE_NONE, MAY_BE_NONE), (PLAIN, PLAIN)])
def test_a_default_may_be_given(old: Any, new: Any) -> None:
    assert compared(described_of(old).shape, described_of(new).shape) == ()


def test_what_texts_are_is_kept_in_the_lock_file() -> None:
    shape = described_of(list[Decimal]).shape
    lock = lock_of(text_of(Lock({"test/test.v1.Echo": shape})).encode(), "test.lock.json")

    assert changes(lock.contracts["test/test.v1.Echo"], shape) == ()
    assert "is date now, was Decimal" in " ".join(changes(shape, described_of(list[date]).shape))
