"""Options that have to do with idempotency keys."""

import argparse


def add_keys_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for the file in which they are kept."""
    parser.add_argument(
        "--keys",
        metavar="FILE",
        help="keep idempotency keys, and the replies to them, in this file, not in memory; it is made if it is not there",
    )


def add_key_option(parser: argparse.ArgumentParser) -> None:
    """Add the option of a call."""
    parser.add_argument(
        "--key",
        metavar="KEY",
        help="an idempotency key: a repeat with the same one gets the first reply, and runs nothing",
    )


def pairs_of_key(key: str | None) -> tuple[tuple[str, str], ...]:
    """The metadata by which a call through the gateway says its key.

    Raises:
        InvalidCallError: it is none.
    """
    if key is None:
        return ()
    from collector_mesh.domain.model.limits import check_idempotency_key
    from collector_mesh.domain.model.routing_keys import IDEMPOTENCY_KEY

    check_idempotency_key(key)
    return ((IDEMPOTENCY_KEY, key),)
