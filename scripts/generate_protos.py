"""Generates the protobuf code of the wire from the files in proto/, or checks that it is up to date.

    python scripts/generate_protos.py [--check]

It is generated with the oldest protoc whose code every supported protobuf loads, in an environment of
its own, because that protoc wants another protobuf than the one the project is developed with. The
code is patched to register its messages in a descriptor pool of its own: a user may have generated the
same messages, and the default pool refuses two files with the same names.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

TOOLS = "grpcio-tools==1.78.2"
"""Comes with protoc 31.1, whose code loads under protobuf 6.31.1 to 7."""

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / "build" / "protoc"
TARGET = ROOT / "src" / "collector_mesh" / "adapters" / "wire" / "generated"
SOURCES = (Path("collector/dispatcher.proto"),)

DEFAULT_POOL = "_descriptor_pool.Default()"
POOL_IMPORT = "from google.protobuf import descriptor_pool as _descriptor_pool\n"
OWN_POOL_IMPORT = "from collector_mesh.adapters.wire.generated.pool import POOL as _POOL\n"


def compiler() -> Path:
    """The Python that has the compiler; made on first use."""
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / TOOLS
    if not stamp.exists():
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", TOOLS], check=True)
        stamp.touch()
    return python


def generate(target: Path) -> None:
    """Generate everything into a folder."""
    for source in SOURCES:
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run(
                [
                    compiler(),
                    "-m",
                    "grpc_tools.protoc",
                    f"--proto_path={ROOT / 'proto'}",
                    f"--python_out={scratch}",
                    f"--pyi_out={scratch}",
                    str(source),
                ],
                check=True,
            )
            for suffix in (".py", ".pyi"):
                made = Path(scratch) / source.parent / f"{source.stem}_pb2{suffix}"
                text = made.read_text(encoding="utf-8")
                if suffix == ".py":
                    text = patched(text)
                (target / made.name).write_text(text, encoding="utf-8")


def patched(text: str) -> str:
    """The code, with a descriptor pool of its own."""
    for wanted in (DEFAULT_POOL, POOL_IMPORT):
        if text.count(wanted) != 1:
            sys.exit(f"protoc writes its code otherwise than expected: {wanted!r} is not in it once")
    text = text.replace(POOL_IMPORT, OWN_POOL_IMPORT).replace(DEFAULT_POOL, "_POOL")
    return re.sub(r"(?m)^# source: ", "# patched by scripts/generate_protos.py\n# source: ", text, count=1)


def main() -> int:
    """Generate, or check."""
    parser = argparse.ArgumentParser(description="Generate the protobuf code of the wire.")
    parser.add_argument("--check", action="store_true", help="only tell whether it is up to date")
    check = parser.parse_args().check
    if not check:
        generate(TARGET)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        stale = [
            made.name
            for made in sorted(Path(scratch).iterdir())
            if not (TARGET / made.name).exists() or (TARGET / made.name).read_bytes() != made.read_bytes()
        ]
    if stale:
        print(f"generated code is stale ({', '.join(stale)}): run `make protos`", file=sys.stderr)
        return 1
    print("generated code is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
