"""Bearer tokens that are written a little wrong."""

import pytest

from collector_mesh.domain.policies.access_tokens import Tokens
from collector_mesh.domain.policies.credentials import identified

SECRET = "a-secret-of-the-user"
TOKENS = Tokens.of({"user": SECRET}, b"k" * 32)


@pytest.mark.parametrize("shown", [f" Bearer {SECRET}", f"bearer\t{SECRET} ", f"BEARER  {SECRET}"])
def test_a_token_counts_and_is_taken_out_whatever_stands_around_it(shown: str) -> None:
    identity, kept = identified(None, (("authorization", shown), ("x", "y")), TOKENS)
    assert identity is not None
    assert identity.token == "user"
    assert kept == (("x", "y"),)


def test_the_word_alone_is_a_wrong_token() -> None:
    identity, kept = identified(None, (("authorization", "Bearer"),), TOKENS)
    assert identity is not None
    assert identity.is_rejected
    assert kept == ()
