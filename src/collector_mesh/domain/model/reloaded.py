"""What a reload has come to."""

import attrs


@attrs.frozen
class Reloaded:
    """What a reload has changed.

    Attributes:
        changed: what is in force now and was not before: `peers`, `access`, `certificates`, `settings.max_running`, and so on.
        needs_restart: what is different in the new configuration and stays as it was until the collector is started again.
        dismissed: ids of peers that may no longer be peers.
    """

    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    dismissed: tuple[str, ...] = ()


@attrs.frozen
class ReloadReport:
    """The same for whoever has asked for it from outside.

    Attributes:
        reloaded: what has changed; nothing where there are problems.
        problems: what is wrong with the new configuration.
        warnings: what is probably a mistake in it.
    """

    reloaded: Reloaded = attrs.field(factory=Reloaded)
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
