"""How a text that came from elsewhere is shown to people, wherever that is."""

import re
from functools import lru_cache

MAX_VISIBLE = 256
"""Longest foreign text that is shown, in characters."""

_CUT = "..."

_CREDENTIALS = re.compile(r"(?:(?<=://)[^/@\s]*|(?<![^\s'\"=,;(\[])[^\s'\"/@:=,;(\[]+:[^\s'\"/@]*)@")
"""What stands before the host of a URL, or of an address that is written like one: a user, and a password."""


def escaped(text: str) -> str:
    r"""A text on one line, without anything that steers a terminal or turns the direction of writing.

    What cannot be printed is written as Python does it: `\n`, `\x1b`, `\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escape(sign) for sign in text)


def visible(text: str, most: int = MAX_VISIBLE) -> str:
    """A foreign text as people may see it: escaped, and cut to `most` characters."""
    if len(text) <= most and text.isprintable():
        return text
    # One more than fits tells whether something is cut.
    whole = escaped(text[: most + 1])
    return whole if len(whole) <= most else whole[: most - len(_CUT)] + _CUT


def without_credentials(text: str) -> str:
    """A text without the user and password of the addresses in it, as `http://USER:PASSWORD@HOST` and `USER:PASSWORD@HOST`.

    No address of the mesh has them; but people write addresses so, and errors quote what was written.
    """
    return _CREDENTIALS.sub("***@", text) if "@" in text else text


@lru_cache(256)
def word_of(name: str) -> str:
    """What logs and metrics call a kind of event by the name of its class: `order_placed` for `OrderPlaced`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")
