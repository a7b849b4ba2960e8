"""What is wrong, or strange, in what somebody has written down about access."""

import attrs

MOST_PROBLEMS = 200
"""Problems of one table that are told; more are counted."""


@attrs.frozen
class Problem:
    """Something that is wrong with a value, or that is hardly meant.

    Attributes:
        path: where the value stands, as `access.rules[2].who`.
        text: what is wrong, and what is allowed; it follows the path.
        is_warning: whether it can be used all the same.
    """

    path: str
    text: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.path} {self.text}"


class Found:
    """Problems as they are found."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._more = 0
        self.is_wrong = False
        """Whether there is one that is no warning."""

    def add(self, path: str, text: str, *, is_warning: bool = False) -> None:
        """Note one."""
        self.is_wrong = self.is_wrong or not is_warning
        if len(self._problems) >= MOST_PROBLEMS:
            self._more += 1
        else:
            self._problems.append(Problem(path, text, is_warning))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All of them, in their order."""
        if not self._more:
            return tuple(self._problems)
        return (*self._problems, Problem("access", f"has {self._more} more problems", not self.is_wrong))
