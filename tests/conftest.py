"""Set up for every test."""

import pytest

pytest.register_assert_rewrite("collector_mesh.app.testing.contract")
