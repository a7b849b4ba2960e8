"""Codes of gRPC and of the mesh: one table, both ways."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.adapters.wire.grpc_codes import (
    FROM_GRPC,
    GRPC_MESSAGE,
    GRPC_STATUS,
    MAX_GRPC_MESSAGE_BYTES,
    TO_GRPC,
    Code,
    chosen_error,
    grpc_status_of,
)
from collector_mesh.domain.model.errors import Executed, MeshError, OverloadedError
from collector_mesh.domain.model.status import OK, Reply, Status, chosen_status

NOT, RUN, MAYBE = Executed.NO, Executed.YES, Executed.MAYBE


def reply(
    code: int,
    executed: Executed = RUN,
    message: str = "as told",
    details: Mapping[str, str] | None = None,
) -> Reply:
    return Reply(Status(code, message, details or {}), executed=executed)


def answered(error: MeshError) -> Reply:
    """The reply of a handler that has raised an error."""
    status = chosen_status(error)
    assert status is not None
    return Reply(status, handled_by="b", executed=Executed.YES)


def test_there_is_a_code_of_the_mesh_for_each_error_of_grpc_and_the_codes_are_those_of_grpc() -> None:
    import grpc

    assert {code.name: code.value[0] for code in grpc.StatusCode} == {code.name: code.value for code in Code}
    assert FROM_GRPC.keys() == set(Code) - {Code.OK}
    assert all(400 <= code <= 599 for code in FROM_GRPC.values())


@pytest.mark.parametrize("code", list(FROM_GRPC))
def test_a_code_that_a_handler_chose_comes_out_as_it_went_in(code: Code) -> None:
    found = grpc_status_of(answered(chosen_error(code, "grüße")))

    assert found == (code, "grüße", ())


@pytest.mark.parametrize("code", [0, -1, 17, 100, "9", None])
def test_a_code_that_is_none_of_an_error_cannot_be_chosen(code: int) -> None:
    with pytest.raises(ValueError, match="a code of gRPC that tells of an error is from 1 to 16, got "):
        chosen_error(code)


@given(st.text(min_size=0, max_size=4000))
def test_a_text_comes_out_as_it_went_in_up_to_the_limit(text: str) -> None:
    found = grpc_status_of(answered(chosen_error(5, text))).text

    whole = text.encode("utf-8", "backslashreplace")
    assert found.encode() == whole or (
        len(whole) > MAX_GRPC_MESSAGE_BYTES
        and whole.startswith(found.encode())
        and len(found.encode()) > 8180
    )


@pytest.mark.parametrize("size", [1020, 1023, 1024, 1025, 8191, 8192])
@pytest.mark.parametrize("character", ["x", "é", "€", "😀"])
def test_a_text_is_whole_at_each_edge(size: int, character: str) -> None:
    text = (character * size).encode()[:size].decode("utf-8", "ignore")

    error = chosen_error(9, text)

    assert len(str(error).encode()) <= 1024
    assert grpc_status_of(answered(error)).text == text


@pytest.mark.parametrize(
    ("code", "executed", "found"),
    [
        (404, NOT, Code.UNIMPLEMENTED),
        (404, RUN, Code.NOT_FOUND),
        (404, MAYBE, Code.NOT_FOUND),
        (502, MAYBE, Code.UNKNOWN),
        (502, RUN, Code.UNKNOWN),
        (502, NOT, Code.UNKNOWN),
        (501, NOT, Code.UNIMPLEMENTED),
        (503, NOT, Code.UNAVAILABLE),
        (503, RUN, Code.UNAVAILABLE),
        (503, MAYBE, Code.UNKNOWN),
        (418, RUN, Code.UNKNOWN),
        (599, NOT, Code.UNKNOWN),
        (499, MAYBE, Code.CANCELLED),
    ],
)
def test_a_code_that_nobody_chose_goes_by_the_table(code: int, executed: Executed, found: Code) -> None:
    assert grpc_status_of(reply(code, executed))[:2] == (found, "as told")


def test_an_unknown_outcome_is_never_unavailable() -> None:
    for executed in Executed:
        for said in range(-1, 20):
            found = grpc_status_of(reply(502, executed, details={GRPC_STATUS: str(said)}))
            assert found.code != Code.UNAVAILABLE
            assert found.code != Code.OK


@pytest.mark.parametrize("said", ["0", "17", "-1", "9.0", " 9", "09", "٩", "", "nine", "9" * 5000])
def test_a_chosen_code_that_is_none_is_not_believed(said: str) -> None:
    assert grpc_status_of(reply(409, details={GRPC_STATUS: said})).code == Code.ABORTED


@pytest.mark.parametrize("executed", [NOT, MAYBE])
def test_a_chosen_code_is_believed_only_where_a_handler_ran(executed: Executed) -> None:
    said = {GRPC_STATUS: "14", GRPC_MESSAGE: "anything"}

    assert grpc_status_of(reply(403, executed, details=said))[:2] == (Code.PERMISSION_DENIED, "as told")


def test_success_is_success_whatever_is_said_beside_it() -> None:
    found = grpc_status_of(
        Reply(Status(200, "OK", {GRPC_STATUS: "13"}), executed=RUN, metadata=(("a", "b"),))
    )

    assert found == (Code.OK, "", (("a", "b"),))


@pytest.mark.parametrize(
    ("message", "whole"),
    [("short", "short and longer"), ("x" * 1024, "y" * 2000), ("é" * 512, "x" * 9000)],
)
def test_a_whole_text_that_does_not_go_on_from_the_message_is_not_believed(message: str, whole: str) -> None:
    said = {GRPC_STATUS: "5", GRPC_MESSAGE: whole}

    assert grpc_status_of(reply(404, message=message, details=said)).text == message


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("no connection to collector 'b'", Code.UNAVAILABLE),
        ("no connection to collector 'b' in namespace 'users'", Code.UNIMPLEMENTED),
        ("method 'S.M' not found in namespace 'users'", Code.UNIMPLEMENTED),
        ("no collector found for namespace 'users'", Code.UNIMPLEMENTED),
    ],
)
def test_a_target_that_is_not_connected_may_be_back_and_a_method_that_is_missing_may_not(
    message: str, found: Code
) -> None:
    assert grpc_status_of(reply(404, NOT, message)).code == found
    assert grpc_status_of(reply(404, RUN, message)).code == Code.NOT_FOUND


def test_whoever_is_shed_is_told_when_to_try_again() -> None:
    shed = grpc_status_of(Reply.refused(OverloadedError.after(0.25)))
    kept = Reply(Status(429, "", {"retry_after_ms": "007"}), metadata=(("a", "b"),))

    assert shed == (Code.RESOURCE_EXHAUSTED, "overloaded", (("grpc-retry-pushback-ms", "250"),))
    assert grpc_status_of(kept).trailing == (("a", "b"), ("grpc-retry-pushback-ms", "7"))


def test_what_a_handler_says_of_when_to_try_again_is_said_once() -> None:
    said = (("grpc-retry-pushback-ms", "3"), ("a", "b"))
    own = Reply(Status(429, "", {"retry_after_ms": "7"}), metadata=said)

    assert grpc_status_of(own).trailing == said


@pytest.mark.parametrize("told", ["", "-1", "1.5", "soon", "9" * 4000, "²"])
def test_a_time_that_is_none_is_not_told(told: str) -> None:
    assert grpc_status_of(reply(429, NOT, details={"retry_after_ms": told})).trailing == ()


@pytest.mark.parametrize("code", [*range(400, 600)])
def test_every_code_of_the_mesh_has_one_of_grpc_that_is_no_success(code: int) -> None:
    for executed in Executed:
        found = grpc_status_of(reply(code, executed)).code
        assert 1 <= found <= 16
        if code not in TO_GRPC:
            assert found == Code.UNKNOWN


def test_a_success_has_no_text() -> None:
    assert grpc_status_of(Reply(OK, executed=RUN)) == (0, "", ())


def test_the_page_has_the_table_that_holds() -> None:
    page = (Path(__file__).parents[4] / "docs" / "status-codes.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.partition("## Codes of gRPC")[2].partition("\n## ")[0].splitlines()
        if line.startswith("| ") and not line.startswith(("| of the mesh", "| chosen"))
    ]
    there = {row[0]: row[1:] for row in rows if len(row) == 3}
    back = {row[0]: row[1] for row in rows if len(row) == 2}

    assert back == {f"{code.value} {code.name}": str(mesh) for code, mesh in FROM_GRPC.items()}
    assert there.keys() == {*map(str, TO_GRPC), "any other"}
    for code, (not_run, run) in there.items():
        number = 418 if code == "any other" else int(code)
        may_have_run = Code(grpc_status_of(reply(number, MAYBE)).code).name
        assert may_have_run == (run.partition("; ")[2].partition(" ")[0] or run)
        assert Code(grpc_status_of(reply(number, RUN)).code).name == run.partition(";")[0]
        assert number == 200 or not_run.startswith(Code(grpc_status_of(reply(number, NOT)).code).name)
