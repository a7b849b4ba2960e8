"""The whole contract of a transport."""

from collector_mesh.app.testing.contract.connection import ConnectionContract
from collector_mesh.app.testing.contract.dispatch import DispatchContract
from collector_mesh.app.testing.contract.link import LinkContract
from collector_mesh.app.testing.contract.serve import ServeContract
from collector_mesh.app.testing.contract.validation import ValidationContract


class TransportContract(
    ConnectionContract, LinkContract, ServeContract, DispatchContract, ValidationContract
):
    """Everything that a transport has to carry as every other does.

    A subclass whose name begins with Test defines a fixture `network`.
    """
