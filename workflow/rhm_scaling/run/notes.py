"""What a study's author should know before it runs: each a line, of a plan and of a run's start."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..analysis.power_law import why_no_fit

# a public name would change the identity of all verdicts
from ..claims.verdicts import _FEWEST_DRAWS
from ..grammar.sparse import dense_of
from ..grammar.tasks import PREDICTED
from ..study.counted import predicts_codes
from ..study.grids import known_or_drawn, learners
from ..study.plan import Plan
from ..study.schema import Study
from ..theory.training_sizes import thresholds

_MOST_SUMMED = 10**9  # multiplications for thresholds without closed forms: seconds


def chosen_sizes(plan: Plan) -> Iterator[str]:
    """Training sizes that theory chose, and why there are no larger ones."""
    for (experiment, grammar), grid in plan.grids.items():
        if grid.first_threshold is not None:
            thresholds = f"{grid.first_threshold:.0f} to {grid.last_threshold:.0f}"
            sizes = " ".join(map(str, grid.sizes))
            yield f"  {experiment}, {grammar}: {sizes} (thresholds {thresholds}; end: {grid.ends})"


def beyond_language(plan: Plan) -> Iterator[str]:
    """Training sets that hold more sentences than there are, so that some are in them twice."""
    for (experiment, grammar), grid in plan.grids.items():
        parameters = plan.parameters(grammar)
        log_number = parameters.log_sentences()
        sizes = [size for size in grid.sizes if math.log(size) > log_number]
        if sizes and dense_of(parameters)[0].file is None:
            there = f"{grammar} has {math.exp(log_number):.0f}"
            yield f"experiments.{experiment}: {max(sizes)} sentences to train on, {there} in all"


def one_draw(plan: Plan) -> Iterator[str]:
    """Curves of a single rule draw, whose intervals tell nothing of other draws, if there are any.

    A grammar from a file is one draw, and its intervals are those of its replicas.
    """
    study = plan.study
    if study.claim:
        yield from _undecided(study)
    for name, experiment in study.experiments.items():
        asked = experiment.replicas
        if asked.rule_draws > 1:
            continue
        drawn = [plan.parameters(grammar).file is None for grammar in experiment.grammars]
        more = f"replicas.{'rule_draws' if all(drawn) else 'samples'}: 2 or more"
        if asked.samples * asked.initialisations == 1:
            yield f"experiments.{name}: one replica gives no intervals; take {more}"
        elif all(drawn):
            yield (
                f"experiments.{name}: one rule draw gives intervals that are over its replicas and "
                f"say nothing of other draws; take {more}"
            )
    for name, section in study.denoising.items():
        if section.rule_draws == 1:
            yield f"denoising.{name}: one rule draw gives no intervals; take rule_draws: 2 or more"


def _undecided(study: Study) -> Iterator[str]:
    """Parts of a study with a claim that have too few rule draws for a verdict."""
    draws = {f"experiments.{n}.replicas": e.replicas for n, e in study.experiments.items()}
    few = draws | {f"denoising.{name}": section for name, section in study.denoising.items()}
    for where, asked in few.items():
        if asked.rule_draws < _FEWEST_DRAWS:
            yield (
                f"{where}.rule_draws: with less than {_FEWEST_DRAWS} the claim stays undetermined; "
                "take more"
            )


def no_points(plan: Plan) -> Iterator[str]:
    """Grammars of scans that are no points of a law, and why."""
    refused = {(c.experiment, c.grammar, why): None for c, why in plan.scanned.items() if why}
    for experiment, grammar, why in refused:
        yield f"experiments.{experiment}.scan: {grammar} is no point of a law: {why}"


def no_fits(plan: Plan) -> Iterator[str]:
    """Curves that are to have no fit, by the rule of the fits and the predicted thresholds.

    Where one is predicted, no size below the first counts: nothing is learnt there.
    """
    for (experiment, grammar), grid in plan.grids.items():
        if not grid.sizes or plan.study.experiments[experiment].scan:  # which is about other things
            continue
        points, window = len(grid.sizes), "it has no more sizes"
        found = _predicted(plan, experiment, grammar)
        if found is not None:
            first = min(found, default=math.inf)
            points = sum(size >= first for size in grid.sizes)
            window = f"nothing is predicted to be learnt from less than {first:.0f} sentences"
            if math.isinf(first):
                window = "all correlations vanish (f = 1), so nothing is predicted to be learnt"
        if why := why_no_fit(points, window):
            yield f"experiments.{experiment}: {grammar} will hardly have a fit: {why}"


def _predicted(plan: Plan, experiment: str, grammar: str) -> list[float] | None:
    """Thresholds in an experiment; nothing if none are predicted, or finding them takes long."""
    study, asked = plan.study, plan.study.experiments[experiment]
    if asked.task not in PREDICTED or dense_of(plan.parameters(grammar))[0].file is not None:
        return None
    kinds = [study.architectures[name] for name in asked.architectures]
    found = []
    for latent in (False, *([True] if any(map(predicts_codes, kinds)) else [])):
        given = known_or_drawn(study, experiment, grammar, latent, _MOST_SUMMED)
        if given is None:
            return None
        learns = learners(study, experiment)
        found += thresholds(given, asked.task, learners=learns, latent=latent)
    return found
