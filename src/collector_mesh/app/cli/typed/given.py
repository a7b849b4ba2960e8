"""What a user gives with a call: the request, metadata, and files with types."""

import argparse
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collector_mesh.adapters.wire.described.documents import DocumentError, parsed
from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.scalars import bytes_of
from collector_mesh.adapters.wire.described.shapes import ShapeError
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.domain.model.call import checked_metadata
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.routing_keys import NAMESPACE_KEY, OWN_PREFIX, TARGET_KEY
from collector_mesh.domain.model.status import Metadata
from collector_mesh.domain.model.texts import visible

MAX_DATA_BYTES = 64 * 1024 * 1024
"""Of a request as JSON, and of a file of descriptors."""

NO_NAMESPACE = "-"
"""What a user types where a namespace could stand, for none."""

_KEY = re.compile(r"[a-z0-9_.-]{1,64}")
_STDIN = ("-", "@-", "@")
_OPTIONS: Mapping[str, str] = {NAMESPACE_KEY: "NAMESPACE", TARGET_KEY: "--target"}


def data_of(arguments: argparse.Namespace) -> str | None:
    """The request as JSON; None if there is none.

    Raises:
        CommandError: it cannot be read, is too large, or is not UTF-8.
    """
    given: str | None = arguments.data
    if given is None:
        return None
    if given in _STDIN:
        return _text("the request from stdin", _read_stdin())
    if given.startswith("@"):
        path = given[1:]
        return _text(f"the request in {path}", read_file(path, "-d"))
    # Arguments that are not UTF-8 come with surrogates in their place.
    return _text("-d", os.fsencode(given) if given.isascii() else given.encode("utf-8", "surrogateescape"))


def document_of(text: str) -> Any:
    """The request as data.

    Raises:
        CommandError: it is no JSON.
    """
    try:
        return parsed(text)
    except DocumentError as error:
        raise CommandError(f"the request {error}") from error


def read_file(path: str, option: str) -> bytes:
    """The content of a file that a user names.

    Raises:
        CommandError: it cannot be read, or is too large.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_DATA_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CommandError(f"{option}: cannot read {path}: {why}") from error
    return _checked(data, f"{option}: {path}")


def _read_stdin() -> bytes:
    try:
        data = sys.stdin.buffer.read(MAX_DATA_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"-d: cannot read stdin: {error}") from error
    return _checked(data, "-d: stdin")


def _checked(data: bytes, what: str) -> bytes:
    if len(data) > MAX_DATA_BYTES:
        raise CommandError(f"{what} has more than {MAX_DATA_BYTES} bytes")
    return data


def _text(what: str, data: bytes) -> str:
    if len(data) > MAX_DATA_BYTES:
        raise CommandError(f"{what} has more than {MAX_DATA_BYTES} bytes")
    try:
        # Some editors begin a file with a mark.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{what} is not UTF-8: byte {error.start + 1} is {data[error.start]:#04x}"
        ) from error


def namespace_of(text: str) -> str:
    """The namespace that a user means; empty for none.

    Raises:
        CommandError: it is none.
    """
    if text in {"", NO_NAMESPACE}:
        return ""
    try:
        check_name("namespace", text)
    except InvalidCallError as error:
        raise CommandError(f"{error}; {NO_NAMESPACE} stands for none") from error
    return text


def metadata_of(pairs: list[str]) -> Metadata:
    """The metadata that a user gives; nothing of a value is told, as it may be a secret.

    Raises:
        CommandError: it is none.
    """
    made = []
    for pair in pairs:
        ends = [at for at in (pair.find("="), pair.find(":", 1)) if at > 0]
        if not ends:
            raise CommandError("--metadata must be KEY=VALUE or KEY:VALUE")
        # Keys know no capital letters, and people write them as headers of HTTP.
        key, value = pair[: min(ends)].strip().lower(), pair[min(ends) + 1 :].strip()
        if not _KEY.fullmatch(key):
            # Whoever has forgotten what stands between key and value has the value in front of it.
            raise CommandError(
                f"--metadata must be KEY=VALUE or KEY:VALUE with a key that matches {_KEY.pattern}"
            )
        if key.startswith(OWN_PREFIX):
            option = _OPTIONS.get(key)
            more = f": give {option}" if option else ""
            raise CommandError(f"--metadata: keys that begin with {OWN_PREFIX} are the mesh's own{more}")
        made.append((key, _binary(key, value) if key.endswith("-bin") else value))
    try:
        return checked_metadata(made)
    except (InvalidCallError, TypeError) as error:
        raise CommandError(f"--metadata: {error}") from error


def _binary(key: str, value: str) -> bytes:
    try:
        return bytes_of(value, key)
    except ShapeError as error:
        raise CommandError(f"--metadata: the value of {visible(key, 100)} must be base64") from error


def files_of(arguments: argparse.Namespace) -> Files:
    """The types that the user has given.

    Raises:
        CommandError: a file cannot be used, or there is no compiler.
    """
    files = Files()
    try:
        for path in arguments.protoset:
            files.add_set(read_file(path, "--protoset"), path)
        if arguments.proto:
            from collector_mesh.app.cli.typed.compiling import compiled

            files.add_set(compiled(arguments.proto, arguments.proto_path), "--proto")
    except DescriptorError as error:
        raise CommandError(str(error)) from error
    return files
