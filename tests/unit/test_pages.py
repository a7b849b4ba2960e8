"""Pages are read as a reader reads them."""

from pathlib import Path

import pytest
from scripts.pages import PageError, blocks_of, is_printed, play

PAGE = """
# A page

<!-- file: a.py -->
<!-- pytest: 1 passed -->
```python
print(1)
```

It is quick. It prints `1`, no more.

<!-- play -->
```sh
cat a.py  # what was saved
echo a \\
    b
```

It prints

```text
print(…
a b
```

```sh
echo 2
```
"""


def page(folder: Path, text: str) -> Path:
    made = folder / "page.md"
    made.write_text(text, encoding="utf-8")
    return made


def test_a_block_has_its_notes_and_what_it_prints(tmp_path: Path) -> None:
    first, second, output, third = blocks_of(page(tmp_path, PAGE))

    assert (first.language, first.line, first.text) == ("python", 7, "print(1)\n")
    assert first.notes == {"file": "a.py", "pytest": "1 passed"}
    assert (first.printed, second.printed, third.printed) == ("1", "print(…\na b\n", None)
    assert output.text == second.printed


def test_lines_of_a_shell_block_that_go_on_are_one_command(tmp_path: Path) -> None:
    _, second, _, _ = blocks_of(page(tmp_path, PAGE))

    assert second.commands() == ["cat a.py", "echo a b"]


@pytest.mark.parametrize(
    ("note", "problem"), [("fiel: a.py", "unknown note"), ("not run", "`not run` needs a reason")]
)
def test_a_note_that_means_nothing_is_an_error(tmp_path: Path, note: str, problem: str) -> None:
    with pytest.raises(PageError, match=problem):
        blocks_of(page(tmp_path, f"<!-- {note} -->\n```python\n```\n"))


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        ("200 ok", "200 ok\n", True),
        ("200 …", "200 ok\n", True),
        ("a\n…\nb", "a\nc\nd\nb\n", True),
        ("a", "a\nb", False),
        ("200 ok", "200 OK", False),
    ],
)
def test_an_output_is_compared_with_what_a_page_says(*, expected: str, output: str, same: bool) -> None:
    assert is_printed(expected, output) is same


def test_the_blocks_to_play_are_played_in_one_shell(tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()

    played = list(play(page(tmp_path, PAGE), folder))

    assert played == [("cat a.py", "print(1)\n"), ("echo a b", "a b\n")]


def test_a_page_that_says_something_else_is_an_error(tmp_path: Path) -> None:
    wrong = page(tmp_path, "<!-- play -->\n```sh\necho 1\n```\n\nIt prints `2`.\n")

    with pytest.raises(PageError, match=r"the page says\n2\nand it prints\n1"):
        list(play(wrong, tmp_path))


def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    wrong = page(tmp_path, "<!-- play -->\n```sh\necho no >&2; false\n```\n")

    with pytest.raises(PageError, match=r"exit status 1\nno"):
        list(play(wrong, tmp_path))


def test_what_goes_on_beside_is_ready_before_the_next_command_and_ends_well(tmp_path: Path) -> None:
    served = page(
        tmp_path, "<!-- play -->\n```sh\nsh -c 'echo a ready on b; exec sleep 100' &\necho 1\n```\n"
    )

    with pytest.raises(PageError, match="exit status 143"):
        list(play(served, tmp_path))


def test_ports_of_a_page_are_free_ones_when_it_is_played(tmp_path: Path) -> None:
    text = "<!-- play -->\n```sh\necho 50051 50052 50051 | tee ports\n```\n\nIt prints `50051 50052 50051`.\n"

    (played,) = play(page(tmp_path, text), tmp_path)
    first, second, third = (tmp_path / "ports").read_text(encoding="utf-8").split()

    assert played == ("echo 50051 50052 50051 | tee ports", "50051 50052 50051\n")
    assert first == third != second
    assert not {first, second} & {"50051", "50052"}
