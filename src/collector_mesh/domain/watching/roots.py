"""Trace contexts for calls that have none."""

from itertools import count

from collector_mesh.domain.model.trace_context import root
from collector_mesh.domain.ports.randomness import Randomness

_BITS = 192
_MASK = (1 << _BITS) - 1
_STEP = 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251
"""Odd, and near the golden ratio of all of them: a sequence in these steps is spread evenly, and comes back to where it
began after all of them (Weyl; Knuth, The Art of Computer Programming, volume 3, 6.4)."""

_NO_ID = bytes(8)


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
        # One step of it is one operation of the interpreter: no two threads get the same.
        self._numbers = count(start, _STEP)
        self._uniform = dice.uniform
        self._share = share
        self._records = records

    def root(self) -> bytes:
        """The trace context of a call that nothing comes before."""
        share = self._share
        sampled = share > 0.0 and self._uniform(0.0, 1.0) < share
        ids = (next(self._numbers) & _MASK).to_bytes(_BITS // 8, "big")
        # All zeros stand for no id.
        while not any(ids[:16]) or ids[16:] == _NO_ID:
            ids = (next(self._numbers) & _MASK).to_bytes(_BITS // 8, "big")
        return root(ids[:16] + _NO_ID if sampled and self._records else ids, sampled=sampled)

    def span_id(self) -> bytes:
        """The id of a further span, of 8 bytes."""
        while (span_id := (next(self._numbers) & _MASK).to_bytes(_BITS // 8, "big")[:8]) == _NO_ID:
            pass
        return span_id
