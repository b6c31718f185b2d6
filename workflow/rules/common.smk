"""What all rules share: the studies of this run, and what of them is made already.

Reads the studies' YAML files and the records in ``results/``. While the workflow is read, writes the
orders of tables that are not up to date, ``results/<study>/stages/<step>-<identity>.json``; when a
run starts, ``results/<study>/study.json`` and ``results/batches/*.json``.
"""

from rhm_scaling.run.batches import RULES
from rhm_scaling.run.locks import only_time_stamps, prepare_run
from rhm_scaling.run.machine import Machine
from rhm_scaling.run.planning import Run
from rhm_scaling.run.setup import one_line
from rhm_scaling.study.artifacts import RESULTS

with one_line():
    MACHINE = Machine.from_settings(config, workflow.config_settings.config)
# a cluster's job has the description of its batch, and plans nothing
RUN = None
if workflow.is_main_process:
    with one_line():
        RUN = Run(
            MACHINE,
            ROOT,
            workflow.resource_settings.cores or os.cpu_count() or 1,
            workflow.resource_settings.nodes or 1,
        )
        prepare_run(MACHINE.cluster is not None)
        RUN.place_orders(*RUN.studies)
        # Snakemake calls no handler below of a workflow that another one imports
        if not workflow.modifier.is_main_snakefile():
            RUN.start()


onstart:
    RUN.start()


onsuccess:
    RUN.succeeded()


onerror:
    RUN.failed()


def in_time(find):
    """What a function finds; of studies that are complete, whatever the time stamps are."""

    def found(wildcards):
        only_time_stamps(workflow)
        options = workflow.dag_settings
        RUN.whole = bool(options.forceall or options.forcerun or options.forcetargets)
        RUN.force(RULES if options.forceall else options.forcerun)
        paths = find(wildcards)
        if RUN.whole or not RUN.complete:
            return paths
        return [path if path in RUN.orders else ancient(path) for path in paths]

    return found


def products(*kinds):
    """What says that all products of some kinds are made."""
    return in_time(lambda wildcards: RUN.receipts_of(*kinds))


def tables(*steps):
    """Tables and figures of some steps, or of all, of every study of this run."""
    return in_time(lambda wildcards: RUN.made_by(*steps))


def reads(step, *shown):
    """What a step reads: the tables that are shown, as far as its study has them, and its part of the store."""
    return in_time(
        lambda wildcards: RUN.reads(
            step,
            wildcards.study,
            [path.format(study=wildcards.study) for path in shown],
        )
    )


def order(step):
    """What a step's job is told to make."""
    return lambda wildcards: RUN.study(wildcards.study).stages[step].file


def table(path):
    """One of a study's tables, shown in the report."""
    return report(
        path, category="Tables", labels={"study": "{study}", "table": Path(path).stem}
    )


# of all that precedes trainings, so that they start in the order of their length and end together
FIRST = 10**9


wildcard_constraints:
    study=r"[a-z0-9][a-z0-9_-]{0,63}",
    batch=r"[0-9a-f]{12}",
