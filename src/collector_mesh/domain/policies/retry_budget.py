"""How many retries a peer's failures may cause: retries must not finish off a sick mesh."""

import attrs
from attrs.validators import ge, le

from collector_mesh.domain.policies.history import SECONDS, History


@attrs.frozen
class RetryBudget:
    """A share of the recent calls to the peer whose attempt has failed, and a few more.

    Source: the retry budgets of Finagle, with the window and the share that Linkerd has by default.

    Attributes:
        share: retries for each call of the window.
        rate: retries a second, whatever the calls.
        window: seconds, at most 30.
    """

    share: float = attrs.field(default=0.2, validator=[ge(0), le(10)])
    rate: float = attrs.field(default=10.0, validator=ge(0))
    window: int = attrs.field(default=10, validator=[ge(1), le(SECONDS)])

    def left(self, history: History, now: float) -> float:
        """How many retries are allowed now; below 1 none is."""
        allowed = self.share * history.calls(now, self.window) + self.rate * self.window
        return allowed - history.retries(now, self.window)
