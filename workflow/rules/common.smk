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
PLAN = plan_or_exit(config, Path(workflow.basedir))
FOLDER = Path("results", PLAN.study.name)
DEVICE = PLAN.machine.device
THREADS = PLAN.machine.threads


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


FIGURE_NAMES = [
    f"{figure}-{experiment}"
    for experiment in PLAN.study.experiments
    for figure in ("learning_curves", "local_exponents")
]
FIGURES = [
    FOLDER / "figures" / f"{name}.{suffix}"
    for name in FIGURE_NAMES
    for suffix in ("png", "pdf")
]


wildcard_constraints:
    name=r".+-[0-9a-f]{12}",
