"""What is wrong with a value, collected: each with the path to it, never with the value itself."""

from collector_mesh.domain.model.errors import clipped

MOST_TOLD = 20
"""Flaws that an error names; no more are looked for."""

_LONGEST = 200
"""Characters of a path, and of what is wrong."""

MOST_LOOKED_AT = 100_000
"""Values that are looked at once something is known to be wrong."""


class EnoughError(Exception):
    """As many flaws have been found as are told, or as many values looked at."""


class Flaws:
    """Flaws of a value, in the order in which they are found."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._looked_at = 0
        self._is_cut = False

    def __len__(self) -> int:
        return len(self._told)

    def look(self) -> None:
        """Count one more value.

        Raises:
            EnoughError: there have been enough.
        """
        self._looked_at += 1
        if self._looked_at > MOST_LOOKED_AT:
            raise EnoughError

    def add(self, path: str, text: str) -> None:
        """Take a flaw.

        Raises:
            EnoughError: there are enough.
        """
        if len(self._told) >= MOST_TOLD:
            self._is_cut = True
            raise EnoughError
        shown = path if len(path) <= _LONGEST else f"{path[: _LONGEST // 2]}...{path[-_LONGEST // 2 :]}"
        self._told.append(f"{shown}: {clipped(text, _LONGEST)}")

    def __str__(self) -> str:
        return "; ".join(self._told) + ("; and more" if self._is_cut else "")
