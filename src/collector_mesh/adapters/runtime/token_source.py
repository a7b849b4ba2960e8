"""The bearer token that a caller shows, as programs and commands give it."""

from collections.abc import Callable
from functools import partial
from os import PathLike, fspath
from pathlib import Path

from collector_mesh.domain.model.errors import InvalidCallError, kind_of, quoted
from collector_mesh.domain.policies.access_tokens import MAX_SECRET, secret_problem


def read_token(path: Path) -> str:
    """The one token in a file that has nothing else, as callers show it.

    Raises:
        InvalidCallError: the file cannot be read, or has no token; the text names the file, never the secret.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SECRET + 3)
    except OSError as error:
        raise InvalidCallError(
            f"token_file {quoted(str(path))} cannot be read: {error.strerror or type(error).__name__}"
        ) from error
    secret = data.decode("utf-8", "replace").strip()
    if problem := secret_problem(secret):
        raise InvalidCallError(f"the token in token_file {quoted(str(path))} {problem}")
    return secret


def token_source(token: object = None, token_file: object = None) -> Callable[[], str] | None:
    """Gives the token when one is shown; None where there is none.

    Args:
        token: the secret.
        token_file: the path of a file with the secret and nothing else, which is read again now and then.

    Raises:
        InvalidCallError: both are given, or the secret is none.
        TypeError: one is of a wrong type; the text does not have it.
    """
    if token is not None and token_file is not None:
        raise InvalidCallError("token and token_file say the same: give one of them")
    if token_file is not None:
        if not isinstance(token_file, str | PathLike):
            raise TypeError(f"token_file must be the path of a file, got {kind_of(token_file)}")
        path = fspath(token_file)
        if not isinstance(path, str) or not path or "\0" in path:
            raise InvalidCallError("token_file must be the path of a file")
        return partial(read_token, Path(path))
    if token is None:
        return None
    if not isinstance(token, str):
        raise TypeError(f"token must be a str, got {kind_of(token)}")
    if problem := secret_problem(token):
        raise InvalidCallError(f"token {problem}")
    return _Shown(token)


class _Shown:
    """A secret that nothing prints."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __call__(self) -> str:
        return self._secret
