"""The file with the bearer tokens that a collector knows."""

import secrets
import stat
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from collector_mesh.adapters.runtime.regular_files import read_regular
from collector_mesh.app.access.problems import Found
from collector_mesh.domain.model.errors import kind_of, quoted
from collector_mesh.domain.model.names import NAME
from collector_mesh.domain.policies.access_tokens import MIN_SECRET, Tokens, secret_problem

MAX_TOKENS = 1_000
_MAX_BYTES = 1 << 20
_OF_OTHERS = stat.S_IROTH | stat.S_IWOTH
_OF_GROUP_TO_WRITE = stat.S_IWGRP


@cache
def _key() -> bytes:
    """Of this process; so a token is the same after its file was read again."""
    return secrets.token_bytes(32)


def read_tokens(path: Path, where: str, found: Found) -> Tokens | None:
    """The tokens in a file with `NAME = "secret"` on each line.

    Args:
        path: of the file.
        where: what names it, as `access.tokens`.
        found: where problems go; none of them has a secret in it.
    """
    import tomllib

    data = _content(path, where, found)
    if data is None:
        return None
    try:
        read = tomllib.loads(data)
    except (ValueError, RecursionError):
        # What TOML says of it may quote it.
        found.add(where, f'cannot be read: {quoted(str(path))} must have lines of NAME = "secret"')
        return None
    return tokens_of(read, where, found)


def tokens_of(read: Mapping[str, object], where: str, found: Found) -> Tokens | None:
    """The tokens for secrets by their names."""
    if len(read) > MAX_TOKENS:
        found.add(where, f"must have at most {MAX_TOKENS} tokens, got {len(read)}")
        return None
    known: dict[str, str] = {}
    names: dict[str, str] = {}
    for number, (name, secret) in enumerate(read.items(), 1):
        problem = _problem(name, secret)
        if problem:
            # A long name may be the secret of somebody who has written them the other way round.
            is_short = isinstance(name, str) and len(name) < MIN_SECRET
            shown = quoted(name) if is_short else f"token {number}"
            found.add(f"{where}: {shown}", problem)
        elif isinstance(secret, str):
            if secret in names:
                found.add(
                    f"{where}: {quoted(name)}",
                    f"must have a secret of its own, not that of {quoted(names[secret])}",
                )
            names.setdefault(secret, name)
            known[name] = secret
    if not read:
        found.add(where, "has no tokens in it", is_warning=True)
    return Tokens.of(known, _key())


def _problem(name: object, secret: object) -> str:
    if not isinstance(name, str):
        return f"must have a text as its name, got {kind_of(name)}"
    if not NAME.fullmatch(name):
        return f"must match {NAME.pattern}"
    if not isinstance(secret, str):
        return f"must be a text, got {kind_of(secret)}"
    return secret_problem(secret)


def _content(path: Path, where: str, found: Found) -> str | None:
    try:
        data, seen = read_regular(path, _MAX_BYTES + 1)
        mode = seen.st_mode
        if len(data) > _MAX_BYTES:
            found.add(where, f"must have at most {_MAX_BYTES >> 20} MiB: {quoted(str(path))}")
            return None
        if mode & (_OF_OTHERS | _OF_GROUP_TO_WRITE):
            found.add(
                where,
                f"is open to others: {quoted(str(path))} has mode {stat.S_IMODE(mode):o}, take 600",
                is_warning=True,
            )
        return data.decode("utf-8-sig")
    except OSError as error:
        found.add(where, f"cannot be read: {quoted(str(path))}: {error.strerror or type(error).__name__}")
    except UnicodeDecodeError:
        found.add(where, f"cannot be read: {quoted(str(path))} is not UTF-8")
    except ValueError as error:
        found.add(where, f"cannot be read: {quoted(str(path))} {error}")
    return None
