import re
from pathlib import Path

MAKEFILE = Path(__file__).parents[2] / "Makefile"


def test_whatever_the_makefile_calls_is_defined_in_it() -> None:
    # make takes what is not defined for nothing at all, and so a target that calls it would do nothing and pass.
    text = MAKEFILE.read_text()

    called = set(re.findall(r"\$\(call (\w+)", text))

    assert called
    assert called <= set(re.findall(r"^define (\w+)$", text, re.MULTILINE))
