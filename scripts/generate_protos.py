"""Generates the protobuf code of the wire and of the examples, or checks that it is up to date.

    python scripts/generate_protos.py [--check] [--tests]

It is generated with the protoc of the oldest grpcio that we support, whose code every supported protobuf
loads; in an environment of its own, because that protoc wants another protobuf than the one the project
is developed with. The code of the wire is patched to keep its messages in a descriptor pool of its own: a
user may have generated the same messages, and the default pool refuses two files with the same names.

With `--tests` it is the code of the tests instead, which stands for what users bring along: it comes out of each of
GENERATIONS, into a folder of its own, as the compiler writes it. Nothing else needs those compilers, so CI does not
install them.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

TOOLS = "1.78.2"
"""This grpcio-tools comes with protoc 31.1, whose code loads under protobuf 6.31.1 to 7."""

GENERATIONS = ("1.63.2", "1.71.2", "1.78.0", "1.85.1")
"""The grpcio-tools whose stubs and servicers the tests use: the oldest one that is supported first, the newest last."""

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / "build" / "protoc"
WIRE = Path("src/collector_mesh/adapters/wire/generated")
SHOP = Path("examples/shop")
FOREIGN = Path("examples/grpc")
TESTS = Path("tests/generated")
REGISTRY_CLIENT = TESTS / "registry_client"
"""The code of our own files as other programs have it: as the compiler writes it, in the default pool."""

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

IMPORTS = (
    (r"^from collector import (\w+_pb2)", r"from collector_mesh.adapters.wire.generated import \1"),
    (r"^(from google\.protobuf import \w+ as (google_dot_\w+))$", r"\1\n_pool.take(\2)"),
)
"""Patterns of what a file has in it that imports others, ours or those of protobuf, and what takes their place."""


def compiler(version: str) -> Path:
    """The Python that has the compiler of a grpcio-tools; made on first use."""
    folder = ENVIRONMENTS / version
    python = folder / "bin" / "python"
    stamp = folder / "ready"
    if not stamp.exists():
        venv.create(folder, clear=True, with_pip=True)
        # Old ones need a part of setuptools that new ones of it no longer have.
        wanted = (f"grpcio-tools=={version}", "setuptools<80")
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted)
        stamp.touch()
    return python


def run(*command: str | Path) -> None:
    """Run a program; where it fails, it has said why."""
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(f"failed with exit status {code}: {' '.join(map(str, command))}")


@dataclass(frozen=True)
class Source:
    """A proto file, and what becomes of it.

    Attributes:
        root: The folder that its path and its imports are relative to.
        file: Its path.
        target: Where its code goes.
        version: The grpcio-tools that generates it.
        has_own_pool: Whether its code is patched to have a descriptor pool of its own, and lies flat in its target.
        has_services: Whether stubs and servicers are generated too.
        has_types: Whether stubs for type checkers are.
    """

    root: Path
    file: Path
    target: Path
    version: str = TOOLS
    has_own_pool: bool = False
    has_services: bool = False
    has_types: bool = True

    def made(self) -> dict[Path, str]:
        """Its code: file, relative to the project, and text."""
        kinds = {"python": "_pb2.py"}
        if self.has_types:
            kinds["pyi"] = "_pb2.pyi"
        if self.has_services:
            kinds["grpc_python"] = "_pb2_grpc.py"
        with tempfile.TemporaryDirectory() as scratch:
            outputs = [f"--{kind}_out={scratch}" for kind in kinds]
            python = compiler(self.version)
            run(python, "-m", "grpc_tools.protoc", f"--proto_path={ROOT / self.root}", *outputs, self.file)
            files = [self.file.with_name(f"{self.file.stem}{suffix}") for suffix in kinds.values()]
            texts = {file: (Path(scratch) / file).read_text(encoding="utf-8") for file in files}
        if not self.has_own_pool:
            return {self.target / file: text for file, text in texts.items()}
        module = ".".join((*self.file.parent.parts, f"{self.file.stem}_pb2"))
        return {
            self.target / file.name: importing(patched(text, module) if file.suffix == ".py" else text)
            for file, text in texts.items()
        }


SOURCES = (
    Source(Path("proto"), Path("collector/dispatcher.proto"), WIRE, has_own_pool=True),
    Source(Path("proto"), Path("collector_mesh/link/v1/link.proto"), WIRE, has_own_pool=True),
    Source(Path("proto"), Path("collector_mesh/inspect/v1/inspect.proto"), WIRE, has_own_pool=True),
    Source(Path("proto"), Path("collector_mesh/control/v1/control.proto"), WIRE, has_own_pool=True),
    Source(Path("proto"), Path("collector/registry.proto"), WIRE, has_own_pool=True),
    Source(
        Path("proto"),
        Path("collector_mesh/registry/v1/registry.proto"),
        WIRE / "registry_v1",
        has_own_pool=True,
    ),
    Source(SHOP, Path("shop.proto"), SHOP),
)

OF_TESTS = (
    *(
        Source(
            TESTS / "protos",
            Path(file),
            TESTS / f"v{version.replace('.', '_')}",
            version,
            has_services=True,
            has_types=version == GENERATIONS[0],
        )
        for version in GENERATIONS
        for file in ("mesh_test/common.proto", "mesh_test/users.proto")
    ),
    *(
        Source(Path("proto"), Path(file), REGISTRY_CLIENT, GENERATIONS[0], has_services=True, has_types=False)
        for file in ("collector/dispatcher.proto", "collector/registry.proto")
    ),
    *(
        Source(FOREIGN, Path(file), FOREIGN, GENERATIONS[0], has_services=True)
        for file in ("helloworld.proto", "route_guide.proto")
    ),
)


def patched(text: str, module: str) -> str:
    """The code of a module, with a descriptor pool of its own."""
    for wanted, own in (*PATCHES, (f"'{module}'", "__name__")):
        if text.count(wanted) != 1:
            sys.exit(f"protoc writes its code otherwise than expected: {wanted.strip()!r} is not in it once")
        text = text.replace(wanted, own)
    return text


def importing(text: str) -> str:
    """The code of a module, which finds what it imports where that is, and has it in the pool."""
    for wanted, own in IMPORTS:
        text = re.sub(wanted, own, text, flags=re.MULTILINE)
    return text


def main() -> int:
    """Generate, or check."""
    parser = argparse.ArgumentParser(description="Generate the protobuf code.")
    parser.add_argument("--check", action="store_true", help="only tell whether it is up to date")
    parser.add_argument(
        "--tests", action="store_true", help="that of the tests, by every generation of compilers"
    )
    arguments = parser.parse_args()
    sources = OF_TESTS if arguments.tests else SOURCES
    made = {path: text for source in sources for path, text in source.made().items()}
    if not arguments.check:
        for path, text in made.items():
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, encoding="utf-8")
        return 0
    stale = [
        str(path)
        for path, text in made.items()
        if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text
    ]
    if stale:
        again = f"python scripts/generate_protos.py{' --tests' if arguments.tests else ''}"
        print(f"generated code is stale ({', '.join(stale)}): run `{again}`", file=sys.stderr)
        return 1
    print("generated code is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
