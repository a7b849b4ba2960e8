"""What decides who may do what in a collector, from what its user says."""

from collections.abc import Callable

from collector_mesh.app.making import make_strangers
from collector_mesh.app.options import Options
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.trust import TrustDomain
from collector_mesh.domain.ports.authorizer import ServingAuthorizer
from collector_mesh.domain.ports.transport import Transport


def make_access(
    options: Options,
    authorizer: ServingAuthorizer | None,
    trust: TrustDomain | None,
    transport: Callable[[], Transport],
) -> AccessPolicy:
    """The one object that decides who may do what; a transport is asked for when somebody comes who was not dialed."""
    return AccessPolicy(
        authorizer,
        trust=trust,
        strangers=lambda: make_strangers(options, transport(), trust),
        is_open=options.inspect,
        rules=options.access,
    )
