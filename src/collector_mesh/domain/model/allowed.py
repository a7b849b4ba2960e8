"""What a validator knows of a method that may be called."""

import attrs

from collector_mesh.domain.model.payload import EMPTY_NAME, PLAIN_NAMES, TYPE_PREFIX, is_type, wrong_type
from collector_mesh.domain.model.plain import VALUE


@attrs.frozen
class Allowed:
    """A method may be called; what a validator returns that knows types.

    Attributes:
        takes: the full name of the message that the method takes; empty where that is not known, and any payload will do.
        gives: the full name of the message that it gives; empty where that is not known.
    """

    takes: str = ""
    gives: str = ""
    type_url: str | None = attrs.field(init=False, repr=False, eq=False)
    """That of the payloads of most calls; None where any will do."""

    @type_url.default
    def _its_type_url(self) -> str | None:
        return TYPE_PREFIX + self.takes if self.takes else None

    def fits(self, type_url: str) -> bool:
        """Whether a payload of a type URL is what the method takes.

        A type URL without a name stands for what the method takes, and nothing for `google.protobuf.Empty`. Plain data is
        a Struct, a ListValue or a Value: a method that takes one of these may get any of them, and a Value may be nothing.
        """
        if not self.takes or type_url == self.type_url or is_type(type_url, self.takes):
            return True
        name = type_url.rpartition("/")[2]
        if self.takes == VALUE and name in {"", EMPTY_NAME}:
            return True
        return self.takes in PLAIN_NAMES and name in PLAIN_NAMES

    def check(self, type_url: str) -> None:
        """See that a payload of a type URL is what the method takes.

        Raises:
            InvalidCallError: it is not.
        """
        if not self.fits(type_url):
            raise wrong_type(type_url, TYPE_PREFIX + self.takes)
