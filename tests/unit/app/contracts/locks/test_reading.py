"""Lock files: what is written is read as it was, and what people do to one is a clear error."""

import itertools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.app.contracts.locks.files import KEY, SHAPE, SHOP, TEXT

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.locks.lock import MAX_LOCK_BYTES, Lock, canonical
from collector_mesh.app.contracts.locks.reading import lock_of
from collector_mesh.app.contracts.locks.text import text_of
from collector_mesh.app.contracts.types.described import described
from collector_mesh.app.contracts.types.interface import MethodTypes, Parameter, ServiceTypes


def read(text: str | bytes) -> Lock:
    return lock_of(text if isinstance(text, bytes) else text.encode(), "shop_api.lock.json")


def error_of(text: str | bytes) -> str:
    with pytest.raises(ContractError) as caught:
        read(text)
    return str(caught.value)


def test_the_longest_names_that_a_contract_may_have_are_read_again() -> None:
    service = f"{'p' * 126}.{'q' * 124}.Shop"
    numbers = (Parameter("one", int), Parameter("two", int))
    shape = described(ServiceTypes(service, (MethodTypes("m" * 200, numbers, int),))).shape
    lock = Lock({f"shop/{service}": shape})

    (found,) = read(text_of(lock)).contracts.values()

    assert len(service) == 256
    assert found.file == canonical(shape.file)


def outcome(text: str) -> str:
    """The error that comes of a file, or its name."""
    try:
        read(text)
    except ContractError as error:
        return str(error)
    return "shop_api.lock.json"


def edited(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def test_a_lock_file_has_a_member_on_each_line() -> None:
    assert text_of(Lock({KEY: SHAPE})) == TEXT


def test_what_is_written_is_read_as_it_was() -> None:
    assert canonical(read(TEXT).contracts[KEY].file) == canonical(SHOP)
    assert read(TEXT).contracts[KEY].required == SHAPE.required


def test_to_write_what_was_read_changes_nothing() -> None:
    assert text_of(read(TEXT)) == TEXT


def test_lines_may_end_as_on_windows_and_the_text_may_begin_with_a_mark() -> None:
    assert text_of(read(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())) == TEXT


def test_the_marker_of_a_merge_conflict_is_named_by_its_line() -> None:
    marked = edited('            "item"', '<<<<<<< HEAD\n            "item"')

    assert error_of(marked).startswith(
        "shop_api.lock.json, line 22: the marker of a merge conflict. Keep the"
    )


@pytest.mark.parametrize("marker", ["=======", ">>>>>>> gifts", "||||||| 0c1a2b"])
def test_every_marker_of_a_merge_is_seen(marker: str) -> None:
    assert "line 1: the marker of a merge conflict" in error_of(f"{marker}\r\n{TEXT}")


def test_the_lines_of_both_sides_of_a_merge_are_read_without_the_comma_between_them() -> None:
    merged = (
        re.sub(r",$", "", TEXT, count=4, flags=re.MULTILINE)
        .replace("2,\n", "2\n")
        .replace("[5, 9]\n", "[5, 9],\n")
    )

    lock = lock_of(merged.encode(), "shop_api.lock.json", mends=True)

    assert lock.is_mended
    assert text_of(lock) == TEXT
    assert "this is no JSON: Expecting ',' delimiter" in error_of(merged)


def test_what_commas_cannot_mend_is_an_error_of_the_line_where_it_is() -> None:
    with pytest.raises(ContractError, match="line 2: this is no JSON"):
        lock_of(TEXT.replace('"format": 1,', '"format" 1').encode(), "shop_api.lock.json", mends=True)


def test_two_fields_with_one_number_are_both_named() -> None:
    gift = (
        '"as_is": {"number": 8, "type": "bytes", "json_name": "AsIs"},\n"gift": {"number": 8, "type": "bool"}'
    )

    assert error_of(edited('"as_is": {"number": 8, "type": "bytes", "json_name": "AsIs"}', gift)) == (
        "shop_api.lock.json: contracts > shop/acme.shop.Shop > messages > acme.shop.Order > fields: 'as_is' and 'gift'"
        " both have the number 8. Delete the one that nobody uses yet, and lock the contract again: it gets a free number"
    )


def test_two_numbers_that_were_swapped_are_seen_by_their_order() -> None:
    swapped = edited('"item": {"number": 1', '"item": {"number": 2').replace(
        '"unit_count": {"number": 2', '"unit_count": {"number": 1'
    )

    assert "'unit_count' with the number 1 stands after 'item' with the number 2" in error_of(swapped)


def test_a_name_that_stands_twice_is_named_with_its_lines() -> None:
    twice = edited('"item": {"number": 1', '"size": {"number": 1')

    assert "'size' stands twice in one object (lines 22, 24)" in error_of(twice)


def test_a_file_of_a_later_version_is_not_read() -> None:
    later = edited('"format": 1', '"format": 2, "more": {}')

    assert "is of format 2, from a later version of collector-mesh; this one reads 1" in error_of(later)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"number": 1, "type": "string"},\n', '"number": 0, "type": "string"},\n', "from 1 to 536870911, got 0"),
        ('"item": {"number": 1', '"item": {"number": 536870912', "from 1 to 536870911, got 536870912"),
        ('"item": {"number": 1', '"item": {"number": 19000', "which protobuf keeps for itself"),
        ('"item": {"number": 1', '"item": {"number": 1.0', "must be a whole number from 1 to 536870911, got 1.0"),
        ('"item": {"number": 1', '"item": {"number": true', "got True"),
        ('"item": {"number": 1', '"item": {"number": "1"', "got '1'"),
        ('"item": {"number": 1', '"item": {"number": 6', "'item' has the number 6, which is reserved"),
        ('"item": {"number": 1', '"note": {"number": 1', "the name 'note' is reserved"),
        ('"item": {"number": 1', '"an item": {"number": 1', "'an item' is no name"),
        ('"item": {"number": 1,', '"item": {', "'number' is missing"),
        ('"item": {"number": 1,', '"item": {"nmber": 1,', "'nmber' is none of the names that can be here: number"),
        ('"int64"', '"integer"', "must be one of double, float, int32"),
        ('"enum acme.shop.Size"', '"enum acme.shop.Sise"', "there is no enum 'acme.shop.Sise' in this contract"),
        ('"enum acme.shop.Size"', '"message acme.shop.Size"', "there is no message 'acme.shop.Size'"),
        ("map<string, message", "map<double, message", "the keys of a map must be one of bool, fixed32"),
        ('Item>"', 'Item>", "label": "optional"', "a map has no label"),
        ('"optional"', '"always"', "must be one of optional, repeated, required, got 'always'"),
        ('"SIZE_SMALL": 1', '"SIZE_SMALL": 0', "'SIZE_UNSPECIFIED' and 'SIZE_SMALL' both have the number 0"),
        ('"SIZE_UNSPECIFIED": 0', '"SIZE_UNSPECIFIED": -1', "one of them must have the number 0"),
        ('"SIZE_SMALL": 1', '"SIZE_SMALL": 7', "has the number 7, which is reserved"),
        ("[5, 9]", "[9, 5]", "the first number must not be after the last one, got 9 and 5"),
        ("[5, 9]", "[5, 9, 10]", "must be a number, or the first and the last one of several"),
        ("[5, 9]", '"5 to 9"', "must be a list, got str"),
        ('"takes": "acme.shop.Order"', '"takes": "Order"', "takes: there is no message 'Order' in this contract"),
        ('"idempotent"', '"always"', "must be one of idempotent, no_side_effects, got 'always'"),
        ('"package": "acme.shop"', '"package": "acme"', "package: must be 'acme.shop', as in the name of the service"),
        ("shop/acme.shop.Shop", "acme.shop.Shop", "the name of a contract must be NAMESPACE/SERVICE"),
        ('"acme.shop.Item": {', '"acme.Item": {', "must be the full name of a type in the package 'acme.shop'"),
        ('"acme/shop/shop.proto"', "7", "file: must be a text of at most 512 characters, got 7"),
        ('"acme.shop.Item": {', '"acme.shop.Order.StockEntry": {"fields": {}}, "acme.shop.Item": {', "for the entries of this map"),
        ('"format": 1,', "", "shop_api.lock.json: 'format' is missing"),
        ('"format": 1,', '"format": "1",', "format: must be a whole number from 1 to"),
        ('"format": 1,', '"format": 1', "line 3: this is no JSON"),
        ('"format": 1,', '"format": NaN,', "shop_api.lock.json is no lock file"),
        ('"format": 1,', f'"format": {"9" * 5000},', "shop_api.lock.json is no lock file"),
    ],
)  # fmt: skip
def test_an_edit_by_hand_is_an_error_that_says_what_is_allowed(old: str, new: str, problem: str) -> None:
    assert problem in error_of(edited(old, new))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "line 1: this is no JSON"),
        (b"[]", "must be an object, got list"),
        (b"\xff\xfe", "is no text in UTF-8"),
        (b"[" * 500_000, "is no lock file"),
        (b" " * (MAX_LOCK_BYTES + 1), "has more than 4194304 bytes"),
    ],
    ids=["empty", "list", "bytes", "deep", "large"],
)
def test_what_is_no_lock_file_is_told_from_one(data: bytes, problem: str) -> None:
    assert problem in error_of(data)


PATHS = re.findall(r'"[\w./]+"(?=: )', TEXT)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JUNK = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.text(max_size=5), PLAIN, max_size=3)


@settings(max_examples=50)
@given(st.integers(0, len(PATHS) - 1), JUNK)
def test_whatever_stands_in_a_place_is_read_or_is_a_clear_error(place: int, junk: object) -> None:
    count = itertools.count()

    def replaced(pairs: list[tuple[str, object]]) -> dict[str, object]:
        return {name: junk if next(count) == place else value for name, value in pairs}

    text = json.dumps(json.loads(TEXT, object_pairs_hook=replaced))
    told = outcome(text)

    assert told.startswith("shop_api.lock.json")
    assert told.isprintable()


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 60))
def test_a_file_that_has_lost_a_part_is_read_or_is_a_clear_error(start: int, size: int) -> None:
    assert outcome(TEXT[:start] + TEXT[start + size :]).startswith("shop_api.lock.json")
