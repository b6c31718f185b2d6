"""A run that is killed again and again ends with the results of an undisturbed one."""

from pathlib import Path

import pytest

from helpers import soak


@pytest.mark.slow
def test_killed_at_random_moments_the_tables_are_those_of_an_undisturbed_run(
    tmp_path: Path,
) -> None:
    lines: list[str] = []
    resumed, differences = soak.soak(tmp_path, kills=3, seed=2, say=lines.append)
    assert not differences
    assert resumed, lines  # one of the kills hit a training that had a checkpoint
