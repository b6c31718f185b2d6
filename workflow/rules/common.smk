"""What all rules share: the study, its plan, and the plain files that the light stages depend on.

Reads the study's YAML file. Writes ``study.json`` and ``stages/*.json`` below
``results/<study>/``, each only when its content changes.
"""

import sys
from pathlib import Path

# the library beside this file, installed or not
sys.path.insert(0, str(Path(workflow.basedir, "workflow")))

from rhm_scaling.planning import jobs_use_this_library, plan_or_exit

jobs_use_this_library()
PLAN = plan_or_exit(config, Path(workflow.basedir), workflow.resource_settings.cores)
FOLDER = Path("results", PLAN.study.name)
DEVICE = PLAN.machine.device


def table(name):
    """Path of one of the study's tables."""
    return FOLDER / f"{name}.csv"


def stage(name):
    """Path of the file that changes when the code of a light stage, or its share of the study, does."""
    return FOLDER / "stages" / f"{name}.json"


def specification(kind):
    """Canonical JSON of what a product is."""
    return lambda wildcards: PLAN.product(kind, wildcards.name).json


def sources(kind):
    """Files that a product is made from.

    Their time stamps say nothing that the product's name does not, hence `ancient`.
    """
    return lambda wildcards: [
        ancient(path) for path in PLAN.product(kind, wildcards.name).sources.values()
    ]


def roles(kind):
    """The same as ``role=path`` arguments."""
    return lambda wildcards: [
        f"{role}={path}"
        for role, path in PLAN.product(kind, wildcards.name).sources.items()
    ]


def job(wildcards):
    """What the training of a block is given."""
    return PLAN.jobs[wildcards.name]


def figures(names):
    """Paths of figures, as PNG for the report and as PDF for the paper."""
    return [
        FOLDER / "figures" / f"{name}.{suffix}"
        for name in names
        for suffix in ("png", "pdf")
    ]


# of all that precedes trainings, so that they start in the order of their length and end together
FIRST = 10**9


# experiments with a learner that recovers hidden symbols by counting
RECOVERING = sorted({curve.experiment for curve in PLAN.recovering})
RECOVERY = [table("recovery"), table("recovered_at")] if RECOVERING else []
# experiments with networks for which several learning rates are tried
SWEEPING = sorted({curve.experiment for curve in PLAN.sweeping})
RATES = [
    table(name)
    for name in ("rates", "best_rates", "rate_scaling", "coordinates")
    if SWEEPING
]
THEORY_FIGURES = figures(f"theory-{grammar}-{task}" for grammar, task in PLAN.solved())
FIGURES = figures(
    [
        *(f"learning_curves-{experiment}" for experiment in PLAN.study.experiments),
        *(f"local_exponents-{experiment}" for experiment in PLAN.study.experiments),
        *(f"recovery-{experiment}" for experiment in RECOVERING),
        *(f"learning_rates-{experiment}" for experiment in SWEEPING),
    ]
)


wildcard_constraints:
    name=r".+-[0-9a-f]{12}",
