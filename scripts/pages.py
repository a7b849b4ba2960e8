"""Reads the blocks of a page (README, docs) and what stands beside them, and plays pages as a reader would.

    python scripts/pages.py README.md [--installed]

A block is a fence with a language. Notes stand right above it, each a comment on a line of its own:

    <!-- file: hello.py -->           the reader saves the block under this name, beside the others of its page
    <!-- part of: examples/x.py -->   the block is a part of this file, which is tested by itself
    <!-- pytest: 2 passed -->         pytest runs the block, and says this at its end
    <!-- play -->                     the lines of this shell block are played, in the order of the page
    <!-- install -->                  played as well, but only where everything begins with nothing
    <!-- not run: WHY -->             nobody runs the block

Below a block may stand what comes of it: "It prints `...`", or "It prints" and a `text` fence. In both `…` stands for
anything. CONTRIBUTING.md tells which blocks are run, and when.
"""

import argparse
import os
import re
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 300.0
"""Far longer than any line of a page takes, but for the installation on a slow network."""

_FENCE = re.compile(
    r"(?P<notes>(?:^<!-- [^\n]* -->\n)*)"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$"
    r"(?:(?=\n+(?:[^\n`#]*[.;:] )?It prints"
    r"(?: `(?P<inline>[^`\n]+)`|[^`\n]*:?\n+```text\n(?P<printed>.*?)^```$))|)",
    re.DOTALL | re.MULTILINE,
)
_NOTE = re.compile(r"^<!-- (?P<name>[a-z ]+?)(?:: (?P<value>.*?))? -->$", re.MULTILINE)
NOTES = frozenset({"file", "part of", "pytest", "play", "install", "not run"})


class PageError(Exception):
    """A page is not what it has to be, or what it says does not come of it."""


@dataclass(frozen=True)
class Block:
    """A fence of a page.

    Attributes:
        page: The file that it is in.
        line: The number of its first line, from 1.
        language: The word behind the fence.
        text: What is in it.
        notes: What stands above it, by name.
        printed: What the page says that it prints, or None.
    """

    page: Path
    line: int
    language: str
    text: str
    notes: Mapping[str, str]
    printed: str | None

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    def commands(self) -> list[str]:
        """The lines of a shell block: those that go on are joined, comments are left out."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        lines = (re.sub(r"(?:^|\s+)#\s.*$", "", line).strip() for line in joined.splitlines())
        return [line for line in lines if line]


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, in order.

    Raises:
        PageError: a note means nothing.
    """
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        notes = {note["name"]: note["value"] or "" for note in _NOTE.finditer(match["notes"])}
        line = text.count("\n", 0, match.start("text")) + 1
        if unknown := notes.keys() - NOTES:
            raise PageError(f"{page.name}:{line}: unknown note {sorted(unknown)}, there are {sorted(NOTES)}")
        if notes.get("not run") == "":
            raise PageError(f"{page.name}:{line}: `not run` needs a reason")
        printed = match["printed"] if match["inline"] is None else match["inline"]
        found.append(Block(page, line, match["language"], match["text"], notes, printed))
    return found


def is_printed(expected: str, output: str) -> bool:
    """Whether an output is what a page says, where `…` stands for anything."""
    pattern = ".*".join(re.escape(part.strip()) for part in expected.split("…"))
    return (
        re.fullmatch(pattern, "\n".join(line.rstrip() for line in output.strip().splitlines()), re.DOTALL)
        is not None
    )


def save_file(block: Block, folder: Path, text: str | None = None) -> None:
    """Save a block that is a file, as a reader does; with another text where it is given."""
    target = folder / block.notes["file"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(block.text if text is None else text, encoding="utf-8")


class Ports:
    """The ports of a page, 50051 and the like, and free ones that take their place: others may have those of the page."""

    _PORT = re.compile(r"\b50\d{3}\b")

    def __init__(self) -> None:
        self._free: dict[str, str] = {}

    def there(self, text: str) -> str:
        """A text of the page, as it is played."""
        return self._PORT.sub(lambda match: self._free.setdefault(match[0], _free_port()), text)

    def back(self, text: str) -> str:
        """What was printed, as the page has it."""
        for ours, free in self._free.items():
            text = re.sub(rf"\b{free}\b", ours, text)
        return text


def _free_port() -> str:
    """A port below those that the system gives out by itself, so that nobody else gets it meanwhile."""
    while True:
        port = 15_000 + secrets.randbelow(15_000)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return str(port)


class Reader:
    """Somebody who types the commands of a page into one shell.

    A command that ends with `&` goes on beside the others; the next one is typed when it has said that it is ready.
    """

    def __init__(self, folder: Path) -> None:
        self._ports = Ports()
        self._errors = (folder / ".stderr").open("w+b")
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self._shell = subprocess.Popen(
            ["/bin/bash"],
            cwd=folder,
            env={**os.environ, "PATH": programs},  # the programs of this Python come first
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # so that whatever it has started can be ended
        )

    def type(self, command: str) -> str:
        """Type a command; give what it has printed on stdout.

        Raises:
            PageError: it has failed, or takes too long.
        """
        text = self._ports.there(command)
        if command.endswith("&"):
            return self._ports.back(self._until(text, b" ready on ", b"\n"))
        output = self._until(f"{text}\nprintf '\\0%s\\0' $?", b"\0", b"\0")
        printed, status, _ = self._ports.back(output).split("\0")
        if status != "0":
            raise PageError(f"$ {command}\nexit status {status}\n{printed}{self._said()}")
        return printed

    def save(self, block: Block) -> None:
        """Save a block that is a file, where the shell is."""
        save_file(block, Path(self.type("pwd").strip()), self._ports.there(block.text))

    def leave(self) -> None:
        """End what goes on beside, and the shell.

        Raises:
            PageError: something that went on beside has ended otherwise than well.
        """
        try:
            jobs = self.type("jobs -pr").split()
            for job in jobs:
                self.type(f"kill {job} && wait {job}")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.communicate()
            self._errors.close()

    def _until(self, text: str, sign: bytes, end: bytes) -> str:
        """Type a text; give what is printed up to the first `end` that comes after a `sign`."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(text.encode() + b"\n")
        self._shell.stdin.flush()
        output, limit = b"", time.monotonic() + LIMIT_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._shell.stdout, selectors.EVENT_READ)
            while not (sign in output and end in output.partition(sign)[2]):
                more = b""
                if selector.select(max(0.0, limit - time.monotonic())):
                    more = os.read(self._shell.stdout.fileno(), 65536)
                if not more:
                    raise PageError(
                        f"$ {text}\nhas ended, or takes too long\n{output.decode()}{self._said()}"
                    )
                output += more
        return output.decode()

    def _said(self) -> str:
        """What was written to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")


def play(page: Path, folder: Path, *, fresh: bool = False) -> Iterator[tuple[str, str]]:
    """Play a page: save its files, type the commands of its played blocks; give each with what it has printed.

    Args:
        page: What is played.
        folder: Where; empty.
        fresh: Whether the blocks that install are played too.

    Raises:
        PageError: a command has failed, or has not printed what the page says.
    """
    wanted = {"play", "install"} if fresh else {"play"}
    reader = Reader(folder)
    try:
        for block in blocks_of(page):
            if "file" in block.notes:
                reader.save(block)
            if not wanted & block.notes.keys():
                continue
            output = ""
            for command in block.commands():
                printed = reader.type(command)
                output += printed
                yield command, printed
            if block.printed is not None and not is_printed(block.printed, output):
                raise PageError(f"{block}: the page says\n{block.printed}\nand it prints\n{output}")
    finally:
        reader.leave()


def main() -> int:
    """Play a page in a fresh clone, and say how long each command has taken."""
    parser = argparse.ArgumentParser(
        description="Play the blocks of a page as a reader would, in a fresh clone."
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("--installed", action="store_true", help="leave out the blocks that install")
    arguments = parser.parse_args()
    begun = last = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "collector-mesh"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        try:
            for command, printed in play(arguments.page, clone, fresh=not arguments.installed):
                now = time.monotonic()
                print(f"$ {command}  # {now - last:.1f} s", printed, sep="\n", end="", flush=True)
                last = now
        except PageError as error:
            print(error, file=sys.stderr)
            return 1
    print(f"{arguments.page.name} was played in {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
