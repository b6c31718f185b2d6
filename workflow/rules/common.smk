"""What all rules share: the study, its plan, and what of it is made already.

Reads the study's YAML file and the records in ``results/``. Writes ``study.json``,
``stages/*.json`` and, with batches, ``batches/*.json`` below ``results/<study>/`` when a run starts.
"""

from pathlib import Path

from rhm_scaling.run.planning import machine_or_exit, plan_or_exit
from rhm_scaling.run.locks import settle, take_over

MACHINE = machine_or_exit(config)
# where a cluster runs a batch, the batch's description says all
PLAN = None
if workflow.is_main_process or not MACHINE.batched:
    PLAN = plan_or_exit(
        config,
        Path(workflow.basedir),
        workflow.resource_settings.cores,
        workflow.resource_settings.nodes,
    )
    FOLDER = Path("results", PLAN.study.name)
    STAGES = PLAN.standing.stages
if workflow.is_main_process:
    take_over(PLAN)


onstart:
    PLAN.start()


onsuccess:
    PLAN.succeeded()


onerror:
    PLAN.failed()


def products(*kinds):
    """Files of all products of some kinds."""
    return lambda wildcards: [path for kind in kinds for path in PLAN.paths(kind)]


def stages(*names):
    """Files of some light stages, or of all."""
    return lambda wildcards: PLAN.made_by(*(names or STAGES))


def sources(kind):
    """Files that a product is made from."""
    return lambda wildcards: in_time(PLAN.sources, kind, wildcards.name)


def stage_sources(name):
    """Files that a light stage reads."""
    return lambda wildcards: in_time(PLAN.stage_sources, name)


def in_time(find, *what):
    """The paths that are found; of a study that is complete, whatever their time stamps are."""
    settle(PLAN, workflow)
    finished = PLAN.standing.complete and not PLAN.whole
    return [ancient(path) if finished else path for path in find(*what)]


def specification(kind):
    """Canonical JSON of what a product is."""
    return lambda wildcards: PLAN.product(kind, wildcards.name).json


def roles(kind):
    """What a product is made from, as ``role=path`` arguments."""
    return lambda wildcards: [
        f"{role}={path}"
        for role, path in PLAN.product(kind, wildcards.name).sources.items()
    ]


def kept(what, path):
    """A path, or a temporary one if the user keeps no such files."""
    return temp(path) if what in PLAN.machine.temporary else path


def job(wildcards):
    """What the training of a block is given."""
    return PLAN.jobs[wildcards.name]


def table(name):
    """One of the study's tables, shown in the report."""
    return report(FOLDER / f"{name}.csv", category="Tables", labels={"table": name})


def figures(stage):
    """Figures of a stage, of which the report shows those that browsers can."""
    shown = {
        "theory": ("Theory", "grammar and task"),
        "learning_curves": ("Learning curves", "experiment"),
        "local_exponents": ("Local exponents", "experiment"),
        "recovery": ("Recovered symbols", "experiment"),
        "learning_rates": ("Learning rates", "experiment"),
        "scaling": ("Network size", "experiment"),
        "claim": ("Claim", "claim"),
        "invariance": ("Representations", "experiment"),
        "exponents": ("Exponents", "table"),
    }

    def flagged(path):
        kind, _, of_what = Path(path).stem.partition("-")
        category, label = shown[kind]
        labels = {label: of_what or "predicted and fitted exponents"}
        caption = f"../report/{kind}.rst"
        return report(path, caption=caption, category=category, labels=labels)

    return [
        path if path.endswith(".pdf") else flagged(path)
        for path in STAGES[stage].outputs
    ]


# of all that precedes trainings, so that they start in the order of their length and end together
FIRST = 10**9


wildcard_constraints:
    name=r".+-[0-9a-f]{12}",
