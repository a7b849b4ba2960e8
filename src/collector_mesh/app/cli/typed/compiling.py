"""Proto files made into descriptors, by whichever compiler is installed."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from collector_mesh.app.cli.errors import CommandError
from collector_mesh.domain.model.texts import visible

_SECONDS = 60.0
_NO_ERROR = re.compile(r"^WARNING: |: warning: |^[IWE]\d{4} ")
"""Lines of compilers that are no errors: warnings, and the log of a library of protoc."""

_MISSING = (
    "--proto needs a compiler of proto files: install grpcio-tools (pip install grpcio-tools), protoc or buf, or give"
    " --protoset FILE with what protoc --include_imports -o FILE writes elsewhere"
)


def compiled(protos: list[str], folders: list[str]) -> bytes:
    """A serialized set of descriptors of proto files, and of all that they import.

    Args:
        protos: the files.
        folders: where imports begin; the current folder, if there are none.

    Raises:
        CommandError: there is no compiler, or it has found errors; the text has the first of them.
    """
    for path in protos:
        if not Path(path).is_file():
            raise CommandError(f"--proto {path}: there is no such file")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "types.binpb"
        _run(_command(protos, folders, target))
        return target.read_bytes()


def _command(protos: list[str], folders: list[str], target: Path) -> list[str]:
    # protoc takes what begins with a dash for an option.
    files = [f"./{path}" if path.startswith("-") else path for path in protos]
    if importlib.util.find_spec("grpc_tools") is not None:
        compiler = [sys.executable, "-m", "grpc_tools.protoc"]
    elif (protoc := shutil.which("protoc")) is not None:
        compiler = [protoc]
    elif (buf := shutil.which("buf")) is not None:
        return _command_of_buf(buf, files, folders, target)
    else:
        raise CommandError(_MISSING)
    # A file has to be in one of these.
    roots = folders or list(dict.fromkeys([".", *(str(Path(path).parent) for path in files)]))
    paths = [f"-I{root}" for root in roots]
    return [*compiler, *paths, "--include_imports", f"--descriptor_set_out={target}", *files]


def _command_of_buf(buf: str, files: list[str], folders: list[str], target: Path) -> list[str]:
    """It builds a folder, and of that the files in question."""
    if len(folders) > 1:
        raise CommandError("-I: buf takes one folder; install grpcio-tools or protoc for several")
    (folder,) = folders or ["."]
    paths = [argument for path in files for argument in ("--path", path)]
    return [buf, "build", folder, *paths, "--as-file-descriptor-set", "-o", str(target)]


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603  # a compiler that is installed here
            command, capture_output=True, check=False, timeout=_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"--proto: {command[0]} does not run: {visible(str(error))}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).decode(errors="replace").split("\n")
        said = [line for line in lines if line.strip() and not _NO_ERROR.search(line)]
        first = said[0] if said else f"{command[0]} has ended with {done.returncode}"
        more = f" (and {len(said) - 1} more lines)" if len(said) > 1 else ""
        raise CommandError(f"--proto: {visible(first)}{more}")
