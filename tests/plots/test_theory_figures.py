"""Figures of the theory of grammars at the edge: one level, one class, no correlation, a file."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers.figures import readable
from helpers.grammars import GRAMMARS
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.plots.correlations import correlations_figure
from rhm_scaling.plots.style import style
from rhm_scaling.plots.theory import theory_figure
from rhm_scaling.steps.products import survey_grammars
from rhm_scaling.steps.tables import tabulate_theory
from rhm_scaling.theory.measured_correlations import measured_correlations
from rhm_scaling.theory.solve import QUANTITIES, solve

EDGES = {
    "one level": Grammar.draw(Parameters.from_keys(v=6, s=2, L=1, m=3), 0),
    "one class": Grammar.draw(Parameters.from_keys(v=6, n=1, s=2, L=2, m=2), 0),
    "no correlation": Grammar.draw(Parameters.from_keys(v=4, s=2, L=3, m=4), 0),
    "ordinary": GRAMMARS["zipf"],
    "file": GRAMMARS["ambiguous"],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("task", ["classification", "last_token", "autoregressive"])
@pytest.mark.parametrize("name", EDGES)
def test_every_theory_can_be_drawn(name: str, task: str, tmp_path: Path) -> None:
    grammar = EDGES[name]
    parameters = grammar.parameters
    solution = solve(grammar, task)
    closed = pd.DataFrame(tabulate_theory._closed_forms(parameters, task), columns=QUANTITIES)
    own = solution.quantities.assign(rule_seed=0)
    quantities = pd.concat([part.astype(object) for part in (own, closed) if len(part)])
    quantities["value"] = quantities["value"].astype(float)
    many = None
    if parameters.file is None and task != "autoregressive":
        specification = {"grammar": parameters.specification(), "task": task}
        survey_grammars.make(specification, {}, {"product": tmp_path / "survey.csv"})
        many = pd.read_csv(tmp_path / "survey.csv")
    curves = solution.curves.assign(rule_seed=0)
    style()
    figure = theory_figure(task, quantities, curves, many, name)
    readable(figure, tmp_path)
    for axis in figure.axes:
        if axis.get_xlabel() in ("level $l$", "rank $k$", "position"):
            assert all(text.get_text().isdigit() for text in axis.get_xticklabels())
    correlated = measured_correlations(grammar, task)
    if len(correlated):
        drawn = correlations_figure(correlated.assign(rule_seed=0), name)
        readable(drawn, tmp_path)


def test_both_learners_are_seen_where_their_predictions_are_one() -> None:
    grammar = Grammar.draw(Parameters.from_keys(v=6, s=2, L=2, m=2), 0)
    solution = solve(grammar, "last_token")
    closed = tabulate_theory._closed_forms(grammar.parameters, "last_token")
    quantities = pd.DataFrame([*solution.quantities.to_dict("records"), *closed])
    quantities = quantities[[*QUANTITIES]].assign(rule_seed=0)
    style()
    curves = solution.curves.assign(rule_seed=0)
    figure = theory_figure("last_token", quantities, curves, None, "two levels")
    above, below = figure.axes
    cnn, transformer = (line for line in above.lines if line.get_label()[0] != "_")
    assert np.allclose(cnn.get_xydata(), transformer.get_xydata())
    offsets = {line._unscaled_dash_pattern[0] for line in (cnn, transformer)}
    assert len(offsets) == 2  # dashes take turns
    ensemble = [line for line in below.lines if "ensemble" in line.get_label()]
    places = [line.get_xdata() for line in ensemble]
    assert len(places) == 2 and (places[0] < places[1]).all()
    plt.close(figure)
