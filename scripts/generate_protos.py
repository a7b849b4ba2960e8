"""Generates the protobuf code of the wire and of the shop example, or checks that it is up to date.

    python scripts/generate_protos.py [--check]

It is generated with the protoc of the oldest grpcio that we support, whose code every supported protobuf
loads; in an environment of its own, because that protoc wants another protobuf than the one the project
is developed with. The code of the wire is patched to keep its messages in a descriptor pool of its own: a
user may have generated the same messages, and the default pool refuses two files with the same names.
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

TOOLS = "grpcio-tools==1.78.2"
"""Comes with protoc 31.1, whose code loads under protobuf 6.31.1 to 7."""

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / "build" / "protoc"
WIRE = Path("src/collector_mesh/adapters/wire/generated")
SHOP = Path("examples/shop")

PATCHES = (
    (
        "from google.protobuf import descriptor_pool as _descriptor_pool\n",
        "from collector_mesh.adapters.wire.generated import pool as _pool\n",
    ),
    ("_descriptor_pool.Default()", "_pool.POOL"),
    ("_builder.BuildTopDescriptorsAndMessages(", "_pool.build("),
    ("\n# source: ", "\n# patched by scripts/generate_protos.py\n# source: "),
)
"""What has to be in the code of the wire once, and what takes its place."""


def compiler() -> Path:
    """The Python that has the compiler; made on first use."""
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / TOOLS
    if not stamp.exists():
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TOOLS)
        stamp.touch()
    return python


def run(*command: str | Path) -> None:
    """Run a program; where it fails, it has said why."""
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(f"failed with exit status {code}: {' '.join(map(str, command))}")


@dataclass(frozen=True)
class Source:
    """A proto file, relative to the folder that its imports are relative to, and where its code goes."""

    root: Path
    file: Path
    target: Path
    has_own_pool: bool


SOURCES = (
    Source(Path("proto"), Path("collector/dispatcher.proto"), WIRE, has_own_pool=True),
    Source(Path("proto"), Path("collector_mesh/link/v1/link.proto"), WIRE, has_own_pool=True),
    Source(Path("proto"), Path("collector_mesh/inspect/v1/inspect.proto"), WIRE, has_own_pool=True),
    Source(SHOP, Path("shop.proto"), SHOP, has_own_pool=False),
)


def generate(source: Source) -> dict[Path, str]:
    """The code of a source: file, relative to the project, and text."""
    made = {}
    with tempfile.TemporaryDirectory() as scratch:
        arguments = [f"--proto_path={ROOT / source.root}", f"--python_out={scratch}", f"--pyi_out={scratch}"]
        run(compiler(), "-m", "grpc_tools.protoc", *arguments, source.file)
        for suffix in (".py", ".pyi"):
            name = f"{source.file.stem}_pb2{suffix}"
            text = (Path(scratch) / source.file.parent / name).read_text(encoding="utf-8")
            if source.has_own_pool and suffix == ".py":
                text = patched(text, module=".".join((*source.file.parent.parts, f"{source.file.stem}_pb2")))
            made[source.target / name] = text
    return made


def patched(text: str, module: str) -> str:
    """The code of a module, with a descriptor pool of its own."""
    for wanted, own in (*PATCHES, (f"'{module}'", "__name__")):
        if text.count(wanted) != 1:
            sys.exit(f"protoc writes its code otherwise than expected: {wanted.strip()!r} is not in it once")
        text = text.replace(wanted, own)
    return text


def main() -> int:
    """Generate, or check."""
    parser = argparse.ArgumentParser(description="Generate the protobuf code.")
    parser.add_argument("--check", action="store_true", help="only tell whether it is up to date")
    check = parser.parse_args().check
    made = {path: text for source in SOURCES for path, text in generate(source).items()}
    if not check:
        for path, text in made.items():
            (ROOT / path).write_text(text, encoding="utf-8")
        return 0
    stale = [
        str(path)
        for path, text in made.items()
        if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text
    ]
    if stale:
        print(f"generated code is stale ({', '.join(stale)}): run `make protos`", file=sys.stderr)
        return 1
    print("generated code is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
