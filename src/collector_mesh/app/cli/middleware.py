"""Middleware that a user names as MODULE:OBJECT."""

from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.objects import load
from collector_mesh.domain.model.errors import kind_of, shown
from collector_mesh.domain.model.middleware import Middleware


def load_middleware(reference: str, option: str) -> Middleware:
    """Import middleware, or a class of it, which is instantiated without arguments.

    Args:
        reference: MODULE:OBJECT.
        option: what the user has given it as, for the error.

    Raises:
        CommandError: there is none, or it cannot be made.
    """
    found = load(reference, option=option)
    if isinstance(found, type) and issubclass(found, Middleware):
        try:
            found = found()
        except Exception as error:
            raise CommandError(
                f"{option} {reference}: cannot make a {found.__name__}: {type(error).__name__}: {shown(error)}"
            ) from error
    if not isinstance(found, Middleware):
        raise CommandError(
            f"{option} {reference}: is no collector_mesh.Middleware and no class of one, but {kind_of(found)}"
        )
    return found
