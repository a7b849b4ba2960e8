"""Set up for every test."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("collector_mesh.app.testing.contract")

# How long one example takes says more of the machine than of the code.
settings.register_profile("here", deadline=None)
settings.load_profile("here")
