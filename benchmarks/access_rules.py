"""Access rules as a collector of a benchmark has them: many, of which one is about the caller, who shows a bearer token."""

import tempfile
from pathlib import Path
from typing import Any

from collector_mesh import Access

RULES = 100
_SECRET = "a-token-of-a-benchmark-and-of-nobody"  # noqa: S105  # it opens nothing

_folders: list["tempfile.TemporaryDirectory[str]"] = []
"""Kept until the process ends."""


def options(rules: int = RULES) -> dict[str, Any]:
    """The options of a collector that has rules, and shows a token to those whom it dials; the rule that decides is the last."""
    folder: tempfile.TemporaryDirectory[str] = tempfile.TemporaryDirectory()
    _folders.append(folder)
    token = Path(folder.name) / "token"
    token.touch(0o600)
    token.write_text(_SECRET)
    others = [
        {
            "name": f"team {number}",
            "who": [f"token:team-{number}", f"id:team-{number}-*"],
            "use": [f"team-{number}"],
        }
        for number in range(rules - 1)
    ]
    all_of_it = {"name": "all", "who": ["token:caller", "id:*"], "peer": ["*"], "serve": ["*"], "use": ["*"]}
    access = Access(rules=[*others, all_of_it], tokens={"caller": _SECRET})
    return {"access": access, "token_file": token}
