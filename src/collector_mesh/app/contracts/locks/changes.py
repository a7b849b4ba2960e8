"""What has changed between two shapes of a contract, for people: one short line each, with no verdict."""

from collections.abc import Iterator

import attrs

from collector_mesh.app.contracts.locks.lock import Shape, canonical
from collector_mesh.domain.registry.edits import bounded, edits_of_file
from collector_mesh.domain.registry.schema import File


def changes(old: Shape, new: Shape) -> tuple[str, ...]:
    """What differs; nothing if both are the same to a lock file."""
    return bounded(
        (*_edits(canonical(old.file), canonical(new.file)), *_required(old, new), *forms_changed(old, new))
    )


def _edits(old: File, new: File) -> Iterator[str]:
    if old.name != new.name:
        yield f"the file {old.name} is now {new.name}"
    if (same := attrs.evolve(old, name=new.name)) != new:
        yield from edits_of_file(same, new)


def _required(old: Shape, new: Shape) -> Iterator[str]:
    # Of a field that is new, or has gone, that alone is told.
    fields = fields_of(old.file).keys() & fields_of(new.file).keys()
    yield from (f"{name} may be absent now" for name in sorted(old.required - new.required) if name in fields)
    yield from (f"{name} must be there now" for name in sorted(new.required - old.required) if name in fields)


def forms_changed(old: Shape, new: Shape) -> Iterator[str]:
    """The fields of both whose texts are something else now, one text each."""
    for name in sorted(fields_of(old.file).keys() & fields_of(new.file).keys()):
        was, form = (shape.forms.get(name, "any text") for shape in (old, new))
        if was != form:
            yield f"{name} is {form} now, was {was}"


def fields_of(file: File) -> dict[str, int]:
    """The numbers of all fields of a file, by `MESSAGE.FIELD`."""
    return {f"{one.name}.{field.name}": field.number for one in file.messages for field in one.fields}
