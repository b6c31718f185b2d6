"""What tests of several packages share, by what it holds."""

import pytest

pytest.register_assert_rewrite("helpers.planning")  # failures there say what was compared, too
