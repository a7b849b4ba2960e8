"""The arguments of a call, in the order of the parameters, as Python itself has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from collector_mesh.app.contracts.types.interface import NO_DEFAULT, MethodTypes


class Binding:
    """Sorts the arguments of calls of one method."""

    def __init__(self, method: MethodTypes) -> None:
        self._method = method.name
        self._names = [parameter.name for parameter in method.parameters]
        self._by_place = sum(not parameter.keyword_only for parameter in method.parameters)
        self._defaults = {
            parameter.name: parameter.default
            for parameter in method.parameters
            if parameter.default is not NO_DEFAULT
        }

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """A value for each parameter.

        Raises:
            TypeError: there is none for one, or none takes one; the text is what Python says.
        """
        names = self._names
        if len(args) == len(names) == self._by_place and not kwargs:
            return tuple(args)
        if len(args) > self._by_place:
            raise TypeError(
                f"{self._method}() takes {self._by_place} positional arguments but {len(args)} were given"
            )
        given = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name in given:
                raise TypeError(f"{self._method}() got multiple values for argument {name!r}")
            if name not in names:
                raise TypeError(f"{self._method}() got an unexpected keyword argument {name!r}")
            given[name] = value
        missing = [name for name in names if name not in given and name not in self._defaults]
        if missing:
            listed = ", ".join(repr(name) for name in missing)
            arguments = "argument" if len(missing) == 1 else "arguments"
            raise TypeError(f"{self._method}() missing {len(missing)} required {arguments}: {listed}")
        return tuple(given[name] if name in given else self._defaults[name] for name in names)
