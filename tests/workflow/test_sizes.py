"""A study of network sizes through the whole pipeline: finite sets, fresh sentences, both tasks."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from conftest import ROOT, Project, call
from helpers.documents import documented
from helpers.tables import problems
from rhm_scaling.plots.summary import scaling_table
from rhm_scaling.publish.loading import load_history, load_network
from rhm_scaling.study.artifacts import STEPS
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study
from rhm_scaling.training.datasets import example_losses

pytestmark = pytest.mark.slow
STUDY = """
name: sized
grammars:
  small: {v: 6, s: 2, L: 2, m: 3}
architectures:
  cnn:
    kind: cnn
    width: {smallest: 4, largest: 16}
    training: &short {max_steps: 96, min_steps: 96, evaluations_per_octave: 2}
  transformer:
    kind: transformer
    width: [4, 8, 16]
    depth: 1
    base_width: 8
    training: *short
experiments:
  both:
    title: Network size
    task: last_token
    grammars: [small]
    architectures: [cnn, transformer]
    train_sizes: [64, 256]
    online: true
    representations: true
    validation_size: 256
    test_size: 256
    replicas: {rule_draws: 2}
  endless:
    task: classification
    grammars: [small]
    architectures: [cnn]
    online: true
    validation_size: 256
    test_size: 256
    replicas: {rule_draws: 2}
block: {rule_draws: 2}
"""
PATH = "config/studies/sized.yaml"
BATCHES = ("--config", f"study={PATH}")


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(ROOT).copy(tmp_path_factory.mktemp("sized"), results=False)
    (made.folder / PATH).write_text(STUDY, encoding="utf-8")
    made.snakemake(*BATCHES)
    return made


def table(sized: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(sized.folder / "results" / "sized" / f"{name}.csv")


def test_all_tables_and_figures_are_there(sized: Project) -> None:
    hidden = ("representations", "invariance", "half_invariant", "invariance_sizes")
    scaled = ("sizes", "scaling", "compute", "frontier", "levels")
    for name in ("runs", "histories", *scaled, *hidden):
        assert list(table(sized, name).columns) == documented(f"{name}.csv"), name
    assert [*problems(sized.folder / "results" / "sized")] == []
    runs = table(sized, "runs")
    assert len(runs) == 2 * (2 * 3 * 3 + 3)
    sizes = table(sized, "sizes")
    assert len(sizes) == len(runs) / 2
    assert set(sizes.loc[sizes["task"] == "last_token", "train_size"]) == {64, 256, np.inf}
    assert set(table(sized, "levels")["level"]) == {1, 2}
    # of a language of 162 sentences no size counts
    assert table(sized, "invariance_sizes").empty
    # layers are measured at training sizes
    assert set(table(sized, "invariance")["protocol"]) == {"finite"}
    figures = sized.folder / "results" / "sized" / "figures"
    for name in (
        "scaling-both",
        "scaling-endless",
        "learning_curves-both",
        "local_exponents-endless",
        "invariance_ratios-both",
    ):
        assert (figures / f"{name}.png").stat().st_size > 20_000
        assert (figures / f"{name}.pdf").is_file()
    assert (figures / "invariance_sizes-both.pdf").is_file()


def test_it_ends_with_the_exponents_and_then_has_nothing_to_do(sized: Project) -> None:
    status, lines, errors = call(sized, "show", PATH)
    assert (status, errors) == (0, [])
    # so small a study fits few laws, or none; nothing is said of an empty table
    laws = len(scaling_table(table(sized, "scaling")))
    assert any("fitted over" in line for line in lines) == bool(laws)
    assert not any("Empty" in line for line in lines)
    assert "Nothing to be done" in sized.snakemake(*BATCHES, "-n").stdout


def test_fresh_sentences_are_never_stored(sized: Project) -> None:
    runs = table(sized, "runs")
    online = runs[np.isinf(runs["train_size"])]
    assert online["overlap"].isna().all()
    assert (online["steps"] == 96).all()
    files = [path.name for path in sized.folder.glob("results/store/sentences/*/*-train-*.npy")]
    assert len(files) == 2  # of the finite sets
    assert all("-train-1024-" in name for name in files)


def test_accounts_equal_pytorchs_count(sized: Project) -> None:
    runs = table(sized, "runs").query("task == 'last_token' and rule_seed == 0")
    for _, row in runs[np.isinf(runs["train_size"])].iterrows():
        what = {"architecture": row["architecture"], "width": row["width"], "rule_seed": 0}
        network = load_network(
            "sized", sized.folder, task="last_token", train_size=math.inf, **what
        )
        tokens = torch.randint(0, 6, (1, 128, 4))
        with FlopCounterMode(display=False) as counter:
            logits = network.train()(tokens)
            example_losses(logits, torch.zeros(1, 128, dtype=torch.long)).sum().backward()
        assert row["operations"] == counter.get_total_flops()
        assert row["parameters"] == network.parameter_count
        outside = ("embedding.", "filters.0", "readout")
        body = [p for name, p in network.named_parameters() if not name.startswith(outside)]
        assert row["body_parameters"] == sum(p.numel() for p in body)


def test_histories_are_loss_against_compute(sized: Project) -> None:
    history = load_history("sized", sized.folder, architecture="cnn", task="last_token")
    assert (history["step"].max(), history["rule_seed"].nunique()) == (96, 2)
    steps = history["operations"] / history["step"].where(history["step"] > 0)
    runs = table(sized, "runs").groupby(["architecture", "width"])["operations"].first()
    for width, group in steps.groupby(history["width"]):
        assert set(group.dropna()) == {runs["cnn", width]}
    online = np.isinf(history["train_size"])
    # the test set is measured where a history is a curve
    assert history.loc[online, "test_excess"].notna().all()
    assert history.loc[~online, "test_excess"].isna().all()
    # a divergence from the exact posterior: never negative, and near the loss above the limit
    assert (history.loc[online, "test_excess"] > 0).all()
    last = history[online & (history["step"] == 96)].groupby("width")["test_excess"].mean()
    compute = table(sized, "compute").query("task == 'last_token' and architecture == 'cnn'")
    at_end = compute[compute["step"] == 96].set_index("width")
    np.testing.assert_allclose(at_end["mean"], last)
    assert (at_end["sentences"] == 96 * 128).all()


def test_an_online_training_is_a_curve(sized: Project) -> None:
    curves, histories = table(sized, "curves"), table(sized, "histories")
    online = curves[curves["protocol"] == "online"]
    assert set(curves.loc[curves["protocol"] == "finite", "sentences"]) == {64, 256}
    assert np.isinf(online["train_size"]).all()
    steps = [8, 11, 16, 23, 32, 45, 64, 91, 96]  # two evaluations an octave
    for _, curve in online.groupby(["task", "architecture", "width"]):
        assert curve["sentences"].tolist() == [128 * step for step in steps]
        assert (curve["replicas"] == 2).all()
    mine = ["task", "architecture", "width", "sentences"]
    means = histories.groupby([*mine, "rule_seed"])[["test_excess", "test_error"]].mean()
    means = means.groupby(mine).mean().reset_index()
    both = online.merge(means, on=mine)
    measured = both["test_excess"].where(both["task"] == "last_token", both["test_error"])
    np.testing.assert_allclose(both["mean"], measured)
    # the row of a training has its best step, which is a point of its curve
    key = ["architecture", "width", "task", "rule_seed"]
    runs = table(sized, "runs").query("protocol == 'online'")
    best = runs.merge(histories, left_on=[*key, "best_step"], right_on=[*key, "step"])
    np.testing.assert_array_equal(best["test_excess_x"], best["test_excess_y"])
    assert (best["sentences_x"] == 96 * 128).all()


def test_online_curves_have_fits_crossings_and_slopes(sized: Project) -> None:
    for name in ("fits", "thresholds", "local_exponents"):
        found = table(sized, name).query("protocol == 'online'")
        assert set(found["task"]) == {"last_token", "classification"}, name
    slopes = table(sized, "local_exponents").query("protocol == 'online' and task == 'last_token'")
    at = [128 * np.sqrt(low * high) for low, high in ((8, 16), (16, 32), (32, 64))]
    assert slopes.query("width == 8 and architecture == 'cnn'")["sentences"].tolist() == (
        pytest.approx(at)
    )
    crossed = table(sized, "crossings").query("protocol == 'online'")
    assert crossed["crossed_at"].dropna().ge(1024).all()


def test_nothing_but_the_cap_ends_an_online_training(sized: Project) -> None:
    # patience would have: no replica may leave a curve that is read off whole trainings
    impatient = STUDY.replace("min_steps: 96", "min_steps: 8, patience: 1.1, train_loss: 9.0")
    (sized.folder / "config/studies/impatient.yaml").write_text(impatient, encoding="utf-8")
    plans = [
        Plan(load_study(sized.folder / f"config/studies/{name}.yaml"))
        for name in ("sized", "impatient")
    ]
    names = [{block.name for _, block in plan.online} for plan in plans]
    assert names[0] == names[1]


def test_another_width_trains_its_own_cells_alone(sized: Project) -> None:
    wider = "config/studies/wider.yaml"
    text = STUDY.replace("width: [4, 8, 16]", "width: [4, 8, 16, 32]")
    (sized.folder / wider).write_text(text, encoding="utf-8")
    jobs = sized.planned(study=wider)
    assert (jobs.pop("train_block"), jobs.pop("measure_representations")) == (3, 2)
    assert set(jobs) == {
        *("gather_runs", "gather_histories", "aggregate_curves", "fit_curves", "find_crossings"),
        *("compare_sizes", "gather_representations", "find_invariance", "draw_figures"),
    }
    plan = Plan(load_study(sized.folder / wider))
    data = [
        {role: product.name for role, product in block.inputs.items()}
        for curve, block in plan.blocks
        if curve.architecture == "transformer" and block.specification["train_size"] == 64
    ]
    assert len(data) == 4
    assert all(one == data[0] for one in data)  # all sizes share their sentences


def test_online_trainings_repeat_bitwise_whatever_the_pack(sized: Project) -> None:
    plan = Plan(load_study(sized.folder / PATH))
    block = next(
        block
        for curve, block in plan.blocks
        if curve.architecture == "transformer" and block.specification["train_size"] == "online"
    )
    outputs = {role: f"again/{path.rsplit('/', 1)[1]}" for role, path in block.files.items()}
    made = [f"{role}={path}" for role, path in outputs.items()]
    inputs = [f"{role}={path}" for role, path in block.sources.items()]
    status, _, errors = call(
        sized, "make", block.json, "--pack", "1", "--outputs", *made, "--inputs", *inputs
    )
    assert (status, errors) == (0, [])
    for role in ("weights", "history"):
        one, other = (sized.folder / files[role] for files in (block.files, outputs))
        assert one.read_bytes() == other.read_bytes()
    record = json.loads((sized.folder / outputs["record"]).read_text(encoding="utf-8"))
    assert record["specification"]["train_size"] == "online"


def test_a_clone_goes_on_from_rows_and_measures_no_network(sized: Project, tmp_path: Path) -> None:
    assert call(sized, "rows", PATH)[0] == 0
    clone = sized.copy(tmp_path, results=False)
    shutil.copytree(sized.folder / "results" / "rows", tmp_path / "results" / "rows")
    assert not {*clone.planned(study=PATH)} & {*STEPS.values()}
    clone.snakemake("results/sized/invariance.csv", "--config", f"study={PATH}")
    for name in ("runs", "representations", "invariance"):
        one, other = (p.folder / "results" / "sized" / f"{name}.csv" for p in (sized, clone))
        assert one.read_bytes() == other.read_bytes()
