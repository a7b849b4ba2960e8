"""Real dice."""

import random
import secrets
from typing import TYPE_CHECKING

from collector_mesh.domain.ports.randomness import Randomness


class SystemRandomness:
    """Dice seeded by the operating system; tokens that nobody can guess."""

    def __init__(self) -> None:
        self._dice = random.Random()  # noqa: S311  # routing and jitter are no secrets
        self.uniform = self._dice.uniform

    def below(self, limit: int) -> int:
        """See the port."""
        # Three times as fast as randrange, and asked at every forwarded call.
        return int(self._dice.random() * limit)

    def token(self) -> str:
        """See the port."""
        return secrets.token_hex(16)


if TYPE_CHECKING:
    _fits: Randomness = SystemRandomness()
