"""The tutorial: its notebook and its text are one, and what it says of its numbers is so."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import numpy as np
import pytest

import rhm_scaling as rhm
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

ROOT = Path(__file__).parents[2]


def _module() -> Any:
    spec = importlib.util.spec_from_file_location("notebook", ROOT / "docs" / "notebook.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NOTEBOOK = _module()
FIRST_TRAINING = "rhm.train("
# what the text is about, as JSON
TELL = """
import json
print(json.dumps({
    "exponents": exponents.to_dict("index"),
    "laws": laws.set_index("architecture")[columns[1:]].to_dict("index"),
    "errors": {name: list(one.curves["mean"]) for name, one in trained.items()},
    "distances": distances.to_dict("records"),
    "by_rank": list(by_rank),
    "scan": {
        name: [list(one.curves["train_size"]), list(one.curves["mean"] / one.curves["chance"])]
        for name, one in scan.items()
    },
    "predicted": predicted,
    "known": list(known.values()),
    "critical": critical,
    "deeper": {learner: errors_by_depth.xs(learner, level=1).values.tolist()
               for learner in ("latent", "counting")},
    "curves": {
        name: one.curves[["mean", "predicted"]].to_dict("list")
        for name, one in {"cnn": cnn, "transformer": transformer, "perceptron": own}.items()
    },
    "surprise": [surprise.mean(), surprise.std() / len(surprise) ** 0.5, entropies["entropy"][L]],
}))
"""


@pytest.fixture(scope="module")
def kept() -> Any:
    return nbformat.read(NOTEBOOK.NOTEBOOK, as_version=4)


def outputs(notebook: Any, before: str) -> list[Any]:
    """Texts and tables of the cells before the first that has some words."""
    found: list[Any] = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and before in cell.source:
            return found
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            found.append(output.get("text") or data.get("text/html"))
    raise AssertionError(before)


def test_the_notebook_and_its_text_are_one(kept: Any) -> None:
    nbformat.validate(kept)
    assert jupytext.writes(kept, "py:percent") == jupytext.writes(NOTEBOOK.paired(), "py:percent")
    assert kept.metadata == NOTEBOOK.paired().metadata  # nothing of the machine


def test_it_uses_promised_names_alone_and_most_of_them(kept: Any) -> None:
    code = "\n".join(cell.source for cell in kept.cells if cell.cell_type == "code")
    assert "rhm_scaling." not in code and "from rhm" not in code
    used = {name for name in rhm.__all__ if f"rhm.{name}(" in code}
    assert used == {name for name in rhm.__all__ if not name.startswith(("load_", "read_"))}


def test_the_kept_notebook_reads_well_on_a_code_host(kept: Any) -> None:
    text = NOTEBOOK.NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 400_000
    code = [cell for cell in kept.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    produced = [output for cell in code for output in cell.outputs]
    assert all(output.output_type != "error" for output in produced)
    assert all(output.get("name") != "stderr" for output in produced)
    assert sum("image/png" in output.get("data", {}) for output in produced) == 7
    assert not any(place in text for place in ("/home/", "/root/", str(ROOT)))


def test_intervals_hold_what_the_text_says_they_hold_in_this_run(kept: Any) -> None:
    (cell,) = (cell for cell in kept.cells if cell.source.endswith("\nexponents"))
    table = cell.outputs[0]["data"]["text/plain"]
    for name in ("cnn", "transformer"):
        (numbers,) = re.findall(rf"^{name} +(.*)$", table, re.MULTILINE)
        exponent, low, high, same_fit, asymptotic = map(float, numbers.split())
        assert low < same_fit < high and exponent < asymptotic


def test_the_study_in_the_text_is_one(kept: Any, tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)```", kept.cells[-1].source, re.DOTALL | re.MULTILINE)
    (tmp_path / "my-study.yaml").write_text(text, encoding="utf-8")
    plan = Plan(load_study(tmp_path / "my-study.yaml"))
    assert {block.specification["architecture"]["kind"] for _, block in plan.blocks} == {
        *("cnn", "transformer")
    }


@pytest.mark.slow
def test_what_the_text_says_is_what_the_code_finds(kept: Any, tmp_path: Path) -> None:
    notebook = NOTEBOOK.paired()
    notebook.cells.append(nbformat.v4.new_code_cell(TELL))
    NOTEBOOK.executed(notebook, tmp_path)  # fails with the cell that fails
    assert not list(tmp_path.iterdir())
    # what is exact, or drawn from seeds, is the same on every machine
    assert outputs(notebook, FIRST_TRAINING) == outputs(kept, FIRST_TRAINING)
    found = json.loads(notebook.cells[-1].outputs[0]["text"])
    mean, error, floor = found["surprise"]
    assert abs(mean - floor) < 3 * error
    cnn, transformer = found["exponents"]["cnn"], found["exponents"]["transformer"]
    assert cnn["exponent"] > transformer["exponent"]
    for one in (cnn, transformer):
        assert one["low"] < one["exponent"] < one["high"]
        assert 0.5 < one["exponent"] < one["predicted_asymptotic"]
    assert cnn["predicted_same_fit"] < cnn["predicted_asymptotic"]
    for name in ("cnn", "transformer"):
        curve = found["curves"][name]
        assert all(ours > theirs for ours, theirs in zip(curve["mean"], curve["predicted"]))
    pairs = zip(found["curves"]["perceptron"]["mean"], found["curves"]["cnn"]["mean"])
    assert all(perceptron > convolutional for perceptron, convolutional in pairs)
    closest = [min(row, key=row.get) for row in found["distances"]]
    assert closest[0] != closest[-1] == "last 16 tokens"
    whole = [row["last 16 tokens"] for row in found["distances"]]
    assert whole == sorted(whole, reverse=True)
    law = found["laws"]["Zipf"]
    assert law["exponent"] == pytest.approx(law["predicted_asymptotic"], abs=0.15)
    assert law["exponent"] == pytest.approx(law["predicted_same_fit"], abs=0.15)
    assert math.isnan(found["laws"]["uniform"]["exponent"])
    falls = [before / after for before, after in pairwise(found["errors"]["uniform"])]
    assert falls == sorted(falls)  # it bends down
    assert found["by_rank"][0] < 0.1 < found["by_rank"][-1]
    places = {
        name: np.exp(np.interp(-np.log(0.5), -np.log(errors), np.log(sizes)))
        for name, (sizes, errors) in found["scan"].items()
    }
    apart = [np.ptp(np.log([place / by[name] for name, place in places.items()]))
             for by in (dict.fromkeys(places, 1), found["predicted"])]  # fmt: skip
    assert apart[0] > np.log(2) and apart[1] < np.log(1.5) < apart[0]
    latent, counting = (np.array(found["deeper"][name]) for name in ("latent", "counting"))
    assert (latent[:, 2:] < 0.1).all()
    assert (np.diff(counting, axis=0) > 0).all()
    known = np.array(found["known"])
    assert (np.diff(known[:, 2] - known[:, 6]) > 0).all()  # sharper with depth
    assert known[-1, 2] > 0.9 and known[-1, 6] < 0.1 and 0.3 < found["critical"] < 0.7
