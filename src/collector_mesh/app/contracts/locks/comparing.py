"""What a change of a contract breaks: by the rules of compatibility, and by what Python needs of a message to read it."""

from collections.abc import Iterator

from collector_mesh.adapters.wire.schemas import well_known
from collector_mesh.app.contracts.errors import LockFileError
from collector_mesh.app.contracts.locks.changes import fields_of, forms_changed
from collector_mesh.app.contracts.locks.lock import Shape, canonical
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.registry.closure import linked
from collector_mesh.domain.registry.compatibility import differences
from collector_mesh.domain.registry.schema import Field, File, Schema


def compared(old: Shape, new: Shape) -> tuple[str, ...]:
    """What breaks between programs with the one shape and those with the other, one text each.

    Args:
        old: what is locked.
        new: what it is now.

    Raises:
        LockFileError: what is locked does not fit together.
    """
    try:
        before = _schema(old.file)
    except InvalidCallError as error:
        raise LockFileError(
            f"the lock file has what cannot be: {error}. Restore it from version control"
        ) from error
    found = differences(before, _schema(new.file))
    return (*map(str, found), *_required(old, new), *_absent(old, new), *_forms(old, new))


def _schema(file: File) -> Schema:
    return linked((canonical(file),), find=well_known)


def _required(old: Shape, new: Shape) -> Iterator[str]:
    """Fields without which one of both cannot read a message, and which the other does not send."""
    before, after = fields_of(old.file), fields_of(new.file)
    messages = {one.name for one in old.file.messages} & {one.name for one in new.file.messages}
    for field in sorted(new.required - old.required):
        message, _, name = field.rpartition(".")
        if message in messages:
            how = "must be there now" if field in before else "is new and must be there"
            yield (
                f"{new.file.name!r}: the field {name!r} ({after[field]}) of {message!r} {how}, and programs of the version"
                " before need not send it: give it a default, or let it be None"
            )
    for field in sorted(old.required - new.required):
        message, _, name = field.rpartition(".")
        if message in messages and field not in after:
            yield (
                f"{new.file.name!r}: the field {name!r} ({before[field]}) of {message!r} was removed, without which programs"
                " of the version before cannot read it: give it a default first, and remove it when none of them is left"
            )


def _forms(old: Shape, new: Shape) -> Iterator[str]:
    """Fields whose texts one of both cannot read when they are sent by the other."""
    for text in forms_changed(old, new):
        yield f"{new.file.name!r}: {text}, which programs of the other version cannot read"


def _absent(old: Shape, new: Shape) -> Iterator[str]:
    """Fields whose zero, to one of both, is what the other one sends for nothing: neither would see that it is none."""
    before, now = _single_fields(old.file), _single_fields(new.file)
    # One that cannot be read without is refused where it is absent.
    for name in sorted((before.keys() & now.keys()) - old.required - new.required):
        was, field = before[name], now[name]
        where = f"{new.file.name!r}: the field {field.name!r} ({field.number}) of {name.rpartition('.')[0]!r}"
        if was.cardinality == "implicit" and field.cardinality == "optional" and name in new.nullable:
            yield (
                f"{where} may be None now, which programs of the version before read as zero or as empty: add another field"
                " for it, or another method"
            )
        if was.cardinality == "optional" and field.cardinality == "implicit":
            yield (
                f"{where} must be given now, and where programs of the version before leave it out it is read as zero or as"
                " empty: let it have a default, or be None, as before"
            )


def _single_fields(file: File) -> dict[str, Field]:
    """The single fields of a file that are no messages, by `MESSAGE.FIELD`."""
    return {
        f"{message.name}.{field.name}": field
        for message in file.messages
        for field in message.fields
        if not message.is_map_entry
        and field.type != "message"
        and field.cardinality in {"implicit", "optional"}
    }
