"""The services that a user names for `serve`."""

from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.objects import load
from collector_mesh.app.services.lifespan import reason_of
from collector_mesh.app.services.offered import service_of
from collector_mesh.app.services.service import Service


def load_service(reference: str, option: str) -> Service:
    """The service that MODULE:OBJECT is, or makes; see `collector_mesh.app.services.offered`.

    Args:
        reference: MODULE:OBJECT.
        option: what the user has given it as, for the error.

    Raises:
        CommandError: it cannot be imported, is no service and makes none, or what makes it has raised.
    """
    offered = load(reference, option=option)
    try:
        return service_of(offered)
    except KeyboardInterrupt:
        raise
    except TypeError as error:
        raise CommandError(f"{option} {reference}: {error}") from error
    except BaseException as error:
        # SystemExit too: it is what is loaded that wants to end, and not the user.
        raise CommandError(f"{option} {reference}: no service was made: {reason_of(error)}") from error
