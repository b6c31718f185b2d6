"""What is changed of Snakemake's own objects, which says so in a line if they are gone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm as executor
from snakemake.settings.enums import RerunTrigger

from rhm_scaling.core.errors import UserError
from rhm_scaling.run import locks


def test_time_stamps_alone_decide_what_runs() -> None:
    options = SimpleNamespace(rerun_triggers=frozenset(RerunTrigger))
    locks.only_time_stamps(SimpleNamespace(dag_settings=options))
    assert options.rerun_triggers == {RerunTrigger.MTIME}


@pytest.mark.parametrize("options", [SimpleNamespace(), SimpleNamespace(rerun_triggers="mtime")])
def test_a_snakemake_without_triggers_is_refused(options: SimpleNamespace) -> None:
    before = vars(options).copy()
    with pytest.raises(UserError, match=r"^this version of Snakemake has no rerun_triggers; use"):
        locks.only_time_stamps(SimpleNamespace(dag_settings=options))
    assert vars(options) == before


def test_a_controller_that_does_not_answer_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([None, 300, None, 60])
    monkeypatch.setattr(executor, "get_min_job_age", lambda: next(answers))
    locks._ask_squeue_only()
    assert [executor.get_min_job_age() for _ in range(4)] == [None, 300, 300, 60]


def test_an_executor_that_asks_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(executor, "get_min_job_age")
    with pytest.raises(UserError, match=r"^this version of .*-slurm has no get_min_job_age; use"):
        locks._ask_squeue_only()
