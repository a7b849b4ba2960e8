"""Reads the table `[access]`: all that is wrong with it at once, with where it stands."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from collector_mesh.app.access.problems import Found, Problem
from collector_mesh.app.access.shadows import warn_of_shadows
from collector_mesh.app.access.token_files import read_tokens, tokens_of
from collector_mesh.domain.model.errors import MAX_QUOTED, MeshError, kind_of, quoted
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.policies.access_rules import (
    EFFECTS,
    MAX_NAME,
    MAX_PATTERNS,
    MAX_RULES,
    AccessRule,
    AccessRules,
    Effect,
    check_methods,
    check_namespaces,
)
from collector_mesh.domain.policies.access_tokens import Tokens
from collector_mesh.domain.policies.access_who import TOKEN, Who

T = TypeVar("T")

KEYS = ("tokens", "default", "rules")
"""What may stand in the table."""

RULE_KEYS = ("name", "who", "effect", "peer", "serve", "use", "inspect")
"""What may stand in a rule."""

ACCESS = "access"
"""The name of the table."""


def read_access(
    table: object, source: str, base: Path, *, proves_ids: bool | None = None
) -> tuple[AccessRules | None, tuple[Problem, ...]]:
    """The rules that a table says, and everything that is wrong or strange in it.

    Args:
        table: what stands under `[access]`, as TOML gives it.
        source: where it comes from, as a file; empty where the paths of problems need no such beginning.
        base: the folder from which the file of tokens is looked for.
        proves_ids: whether certificates prove ids here; None where that is not known.

    Returns:
        None with problems that are no warnings; else the rules. No problem has a secret in it.
    """
    head = source if source.endswith(ACCESS) else f"{source}: {ACCESS}" if source else ACCESS
    found = Found()
    rules = _read(table, head, base, found)
    if rules is None or found.is_wrong:
        return None, found.problems
    _warn(rules, head, found, proves_ids=proves_ids)
    return rules, found.problems


def _read(table: object, head: str, base: Path, found: Found) -> AccessRules | None:
    if not isinstance(table, Mapping):
        found.add(head, f"must be a table, got {_got(table)}")
        return None
    _check_keys(table, KEYS, head, found)
    tokens = _tokens(table.get("tokens"), f"{head}.tokens", base, found)
    default = _effect(table.get("default", "deny"), f"{head}.default", found)
    given = table.get("rules", [])
    if not isinstance(given, list | tuple):
        found.add(f"{head}.rules", f"must be a list of tables, got {_got(given)}")
        given = []
    if len(given) > MAX_RULES:
        found.add(f"{head}.rules", f"must have at most {MAX_RULES} rules, got {len(given)}")
        given = given[:MAX_RULES]
    rules = [_rule(one, number, f"{head}.rules[{number}]", found) for number, one in enumerate(given, 1)]
    _check_names(rules, head, found)
    return AccessRules(tuple(rules), default, tokens)


def _tokens(value: object, where: str, base: Path, found: Found) -> Tokens | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        # In a program; in a file of its own they can be kept from others.
        return tokens_of(value, where, found)
    if not isinstance(value, str) or not value or "\0" in value:
        # It may have secrets in it.
        found.add(where, f"must be the path of a file, got {kind_of(value)}")
        return None
    return read_tokens(base / value, where, found)


def _rule(value: object, number: int, where: str, found: Found) -> AccessRule:
    if not isinstance(value, Mapping):
        found.add(where, f"must be a table, got {_got(value)}")
        return AccessRule(f"#{number}", ())
    _check_keys(value, RULE_KEYS, where, found)
    rule = AccessRule(
        _name(value.get("name"), number, f"{where}.name", found),
        _each(value, "who", where, found, Who.parse),
        _effect(value.get("effect", "allow"), f"{where}.effect", found),
        _each(value, "peer", where, found, _checked(check_namespaces)),
        _each(value, "serve", where, found, _checked(check_namespaces)),
        _each(value, "use", where, found, _checked(check_methods)),
        _flag(value.get("inspect", False), f"{where}.inspect", found),
    )
    if "who" not in value or value["who"] in ([], ()):
        found.add(f"{where}.who", "is required: it says whom the rule is about, or anyone")
    if not any(key in value for key in ("peer", "serve", "use", "inspect")):
        found.add(where, "says nothing: it needs peer, serve, use or inspect")
    elif not (rule.peer or rule.serve or rule.use or rule.inspect) and not found.is_wrong:
        found.add(where, "is about nothing: peer, serve and use are empty", is_warning=True)
    return rule


def _each(
    table: Mapping[object, object], key: str, where: str, found: Found, make: Callable[[str], T]
) -> tuple[T, ...]:
    value = table.get(key, [])
    path = f"{where}.{key}"
    if not isinstance(value, list | tuple):
        found.add(path, f"must be a list of texts, got {_got(value)}")
        return ()
    if len(value) > MAX_PATTERNS:
        found.add(path, f"must have at most {MAX_PATTERNS} items, got {len(value)}")
        return ()
    made = []
    for number, item in enumerate(value, 1):
        if not isinstance(item, str):
            found.add(f"{path}[{number}]", f"must be a text, got {_got(item)}")
            continue
        try:
            made.append(make(item))
        except MeshError as error:
            found.add(f"{path}[{number}]", str(error))
    return tuple(made)


def _checked(check: Callable[[str], None]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        check(text)
        return text

    return checked


def _name(value: object, number: int, where: str, found: Found) -> str:
    if value is None:
        return f"#{number}"
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable():
        return value
    found.add(where, f"must be a text of 1 to {MAX_NAME} printable characters, got {_got(value)}")
    return f"#{number}"


def _effect(value: object, where: str, found: Found) -> Effect:
    if value in EFFECTS:
        return value
    found.add(where, f"must be one of {', '.join(EFFECTS)}, got {_got(value)}")
    return "deny"


def _flag(value: object, where: str, found: Found) -> bool:
    if not isinstance(value, bool):
        found.add(where, f"must be true or false, got {_got(value)}")
    return value is True


def _check_keys(table: Mapping[object, object], known: Iterable[str], where: str, found: Found) -> None:
    import difflib

    allowed = list(known)
    for key in table:
        if key in allowed:
            continue
        close = difflib.get_close_matches(str(key), allowed, n=1)
        meant = f"did you mean {close[0]}?" if close else f"allowed are {', '.join(allowed)}"
        found.add(where, f"has an unknown key {quoted(str(key))}, {meant}")


def _check_names(rules: list[AccessRule], head: str, found: Found) -> None:
    first: dict[str, int] = {}
    for number, rule in enumerate(rules, 1):
        earlier = first.setdefault(rule.name, number)
        if earlier != number:
            found.add(
                f"{head}.rules[{number}].name",
                f"is that of rules[{earlier}] too: {quoted(rule.name)}, so errors do not tell them apart",
                is_warning=True,
            )


def _warn(rules: AccessRules, head: str, found: Found, *, proves_ids: bool | None) -> None:
    names = set() if rules.tokens is None else set(rules.tokens.names.values())
    used: set[str] = set()
    for number, rule in enumerate(rules.rules, 1):
        for at, who in enumerate(rule.who, 1):
            if who.kind == TOKEN:
                meant = {
                    name
                    for name in names
                    if (name.startswith(who.name) if who.is_start else name == who.name)
                }
                used |= meant
                if not meant:
                    found.add(
                        f"{head}.rules[{number}].who[{at}]",
                        f"names nobody: there is no token {quoted(who.name)}{' or longer' if who.is_start else ''}",
                        is_warning=True,
                    )
            elif who.kind == "id" and proves_ids is False:
                found.add(
                    f"{head}.rules[{number}].who[{at}]",
                    "names only collectors that are dialed from here: ids are proved with mutual TLS",
                    is_warning=True,
                )
    for name in sorted(names - used):
        found.add(f"{head}.tokens", f"has {quoted(name)}, which no rule names", is_warning=True)
    if not rules.rules and rules.default == "deny":
        found.add(
            f"{head}.rules",
            "has no rules, and what no rule decides is denied: nobody may do anything",
            is_warning=True,
        )
    warn_of_shadows(rules, head, found)


def _got(value: object) -> str:
    return visible(repr(value), MAX_QUOTED)
