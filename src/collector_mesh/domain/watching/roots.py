"""Trace contexts for calls that have none."""

import math
from itertools import count

from collector_mesh.domain.model.trace_context import IDS_BYTES, SAMPLED
from collector_mesh.domain.ports.randomness import Randomness

_STEP = 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251
"""Odd, and near the golden ratio of 2^192: a sequence in these steps is spread evenly, and comes back to where it began
after all of them (Weyl; Knuth, The Art of Computer Programming, volume 3, 6.4)."""

_FLAG_BITS = 8
_MASK = (1 << 192 + _FLAG_BITS) - 1
_NO_ID = bytes(8)
_BELOW_ONE = math.nextafter(1.0, 0.0)


class TraceRoots:
    """Makes them: ids that nobody else makes, and the decision whether the call is recorded. Any thread may ask.

    A random number decides where the sequence of ids begins; two that meet in 2^192 numbers are not to be expected.

    Args:
        dice: for that, and for the decisions.
        share: of the calls that are recorded, from 0 to 1.
        records: whether spans are made here: the span of such a call is still to begin then, and has no id yet.
    """

    def __init__(self, dice: Randomness, share: float, *, records: bool = False) -> None:
        start = int(dice.token() + dice.token()[:16], 16)
        # With room for the flags. One step of it is one operation of the interpreter: no two threads get the same.
        self._next = count(start << _FLAG_BITS, _STEP << _FLAG_BITS).__next__
        self._uniform = dice.uniform
        self._records = records
        self.share = share

    @property
    def share(self) -> float:
        """The share of the calls that are recorded from now on."""
        return self._share

    @share.setter
    def share(self, share: float) -> None:
        self._share = share
        self._left = self._until_next()

    def root(self) -> bytes:
        """The trace context of a call that nothing comes before."""
        # On the way of every call. That an id is all zeros, which stands for none, happens once in 2^64: that call has none.
        ids = (self._next() & _MASK).to_bytes(IDS_BYTES, "big")
        self._left -= 1
        if self._left > 0:
            return ids
        self._left = self._until_next()
        return (ids[:16] + _NO_ID if self._records else ids[:24]) + SAMPLED

    def span_id(self) -> bytes:
        """The id of a further span, of 8 bytes."""
        return (self._next() & _MASK).to_bytes(IDS_BYTES, "big")[:8]

    def _until_next(self) -> float:
        """Which of the calls to come is the next one to be recorded, counted from 1.

        It is thrown once for each that is recorded, and not once for each call: the gaps between throws that come out so are
        distributed geometrically (Devroye, Non-Uniform Random Variate Generation, 1986, X.2).
        """
        share = self._share
        if share <= 0.0:
            return math.inf
        if share >= 1.0:
            return 1
        gap = math.log1p(-min(self._uniform(0.0, 1.0), _BELOW_ONE)) / math.log1p(-share)
        # Of the least share that there is, more than a number can be.
        return gap if math.isinf(gap) else 1 + math.floor(gap)
