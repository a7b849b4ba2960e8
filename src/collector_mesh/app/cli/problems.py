"""Several problems told as one error, so that whoever starts a command mends all of them at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from collector_mesh.app.cli.errors import CommandError
from collector_mesh.domain.model.errors import MAX_QUOTED
from collector_mesh.domain.model.texts import visible, without_credentials

_MOST = 20
"""Problems that are told; there can be as many as there are lines in a file."""


class Problems:
    """What is wrong with what a command was told."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._texts)

    def add(self, text: str) -> None:
        """Note a problem; the same one counts once."""
        self._texts[masked(" ".join(text.split()))] = None

    @property
    def texts(self) -> tuple[str, ...]:
        """All of them, in the order in which they were found."""
        return tuple(self._texts)

    @contextmanager
    def gathered(self, *kinds: type[Exception]) -> Iterator[None]:
        """Note what the block raises, and go on after it: `CommandError` always, others if they are of `kinds`."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, (CommandError, *kinds)):
                raise
            self.add(str(error))

    @contextmanager
    def of(self, source: str, name: str, *kinds: type[Exception]) -> Iterator[None]:
        """Note what the block raises of some kinds, with where the value comes from that it is about, and go on after it."""
        try:
            yield
        except kinds as error:
            self.add(named(source, name, str(error)))

    def check(self) -> None:
        """See that there are none.

        Raises:
            CommandError: there are; the text has all of them, in the order in which they were found.
        """
        texts = list(self._texts)
        if len(texts) > _MOST:
            texts[_MOST:] = [f"and {len(texts) - _MOST} more"]
        if texts:
            number = f"{len(self._texts)} problems: " if len(texts) > 1 else ""
            raise CommandError(number + "; ".join(texts))


def named(source: str, name: str, text: str) -> str:
    """A problem of a value by where the value came from, in place of its own name."""
    head = f"{name} "
    return f"{source} {text.removeprefix(head)}" if text.startswith(head) else f"{source}: {text}"


def masked(text: str) -> str:
    """A text without the credentials of the addresses in it."""
    return without_credentials(text)


def got(value: object) -> str:
    """What a value is, as an error quotes it: cut, and on one line."""
    return visible(repr(value), MAX_QUOTED)
