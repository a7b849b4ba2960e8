"""Who may do what in a collector, as programs say it."""

import tomllib
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import attrs

from collector_mesh.app.access.problems import Problem
from collector_mesh.app.access.reading import ACCESS, read_access
from collector_mesh.domain.model.errors import InvalidCallError, kind_of, quoted
from collector_mesh.domain.policies.access_rules import AccessRules

_MAX_FILE_BYTES = 8 << 20


@attrs.frozen(kw_only=True)
class Access:
    """Access rules: what the table `[access]` of a configuration file says.

    Attributes:
        rules: tables as in the file, as `{"name": "ci", "who": ["token:ci"], "use": ["orders"]}`; the first one that
            fits decides.
        default: what happens where no rule fits: `deny`, or `allow`.
        tokens: bearer tokens that callers may show: the path of a file with a line `NAME = "secret"` for each, or the
            secrets by their names.
    """

    rules: Sequence[Mapping[str, Any]] = ()
    default: str = "deny"
    tokens: "str | PathLike[str] | Mapping[str, str] | None" = attrs.field(default=None, repr=False)

    def read(self) -> AccessRules:
        """The rules, checked; the file of tokens is read now.

        Raises:
            InvalidCallError: something is wrong; the text has all of it, and no secret.
        """
        tokens = (
            self.tokens if self.tokens is None or isinstance(self.tokens, Mapping) else fspath(self.tokens)
        )
        table = {"rules": list(self.rules), "default": self.default, "tokens": tokens}
        return _checked(*read_access(table, "", Path()))

    @classmethod
    def from_file(cls, path: "str | PathLike[str]") -> AccessRules:
        """The rules in the table `[access]` of a configuration file.

        Raises:
            InvalidCallError: the file cannot be read, has no such table, or something in it is wrong.
        """
        where = Path(path)
        try:
            with where.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES + 1)
            if len(data) > _MAX_FILE_BYTES:
                raise InvalidCallError(f"{quoted(str(where))} has more than {_MAX_FILE_BYTES >> 20} MiB")
            table = tomllib.loads(data.decode("utf-8-sig"))
        except OSError as error:
            raise InvalidCallError(
                f"{quoted(str(where))} cannot be read: {error.strerror or error}"
            ) from error
        except (ValueError, RecursionError) as error:
            raise InvalidCallError(f"{quoted(str(where))} cannot be read: it is no TOML") from error
        if ACCESS not in table:
            raise InvalidCallError(f"{quoted(str(where))} has no table [{ACCESS}]")
        return _checked(*read_access(table[ACCESS], str(where), where.parent))


def _checked(rules: AccessRules | None, problems: tuple[Problem, ...]) -> AccessRules:
    if rules is None:
        wrong = [str(problem) for problem in problems if not problem.is_warning]
        raise InvalidCallError("; ".join(wrong))
    return rules


def access_rules(access: object) -> AccessRules | None:
    """The rules that a collector was given.

    Raises:
        InvalidCallError: something in them is wrong.
        TypeError: they are none.
    """
    if access is None or isinstance(access, AccessRules):
        return access
    if not isinstance(access, Access):
        raise TypeError(f"access must be a collector_mesh.Access, got {kind_of(access)}")
    return access.read()
