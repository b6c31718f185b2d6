"""Light products: tables and figures with plain names, and what each of them depends on.

They are made again when the identity of their stage changes: its code, its share of the plan, or
the identity of anything that it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from ..core.fingerprint import fingerprint
from ..core.hashing import identity
from ..grammar.model import Parameters
from ..grammar.sampling import ONLINE
from .artifacts import Product
from .cost import work
from .plan import Curve, Plan

# Every stage with the tables of earlier stages that it reads
LIGHT_STAGES = {
    "gather_runs": (),
    "compare_rates": ("gather_runs",),
    "tabulate_theory": (),
    "draw_theory": ("tabulate_theory",),
    "aggregate_curves": ("gather_runs", "tabulate_theory"),
    "fit_curves": ("gather_runs", "aggregate_curves", "tabulate_theory"),
    "find_crossings": ("gather_runs", "tabulate_theory"),
    "foretell_verdict": ("tabulate_theory",),
    "measure_representations": ("gather_runs",),
    "decide_claim": (
        "gather_runs",
        "tabulate_theory",
        "foretell_verdict",
        "measure_representations",
    ),
    "write_guide": ("aggregate_curves", "decide_claim", "foretell_verdict"),
    "gather_recovery": ("tabulate_theory",),
    "compare_sizes": ("gather_runs", "tabulate_theory"),
    "draw_figures": (
        *(
            "aggregate_curves",
            "fit_curves",
            "tabulate_theory",
            "gather_recovery",
            "compare_rates",
            "compare_sizes",
        ),
        *("find_crossings", "decide_claim", "measure_representations"),
    ),
}
SCALING_TABLES = ("sizes", "scaling", "compute", "frontier", "levels")


@dataclass(frozen=True)
class Stage:
    """A light stage of a study.

    Attributes
    ----------
    name
        One of `LIGHT_STAGES`.
    share
        Its share of the plan, its code, and the identities of what it reads: all that decides its
        content.
    outputs
        Tables and figures that it makes; none if the study asks for none.
    products
        Heavy products that it reads.
    reads
        Files of the store and of earlier stages that it reads.
    """

    name: str
    share: dict[str, Any]
    outputs: list[str]
    products: list[Product]
    reads: list[str]

    @cached_property
    def identity(self) -> str:
        """The hash of its share."""
        return identity(self.share)

    @property
    def file(self) -> str:
        """Path of the share, which its job reads."""
        return f"results/{self.share['study']}/stages/{self.name}.json"

    @property
    def files(self) -> list[str]:
        """Paths of its outputs and its record."""
        return [*self.outputs, self.record]

    @property
    def log(self) -> str:
        """Path of its log."""
        return f"results/{self.share['study']}/logs/{self.name}.log"

    @property
    def record(self) -> str:
        """Path of its record."""
        return f"results/{self.share['study']}/stages/{self.name}.record.json"


def accounting(block: Product) -> dict[str, Any]:
    """What a network of a block has and does: body_parameters, and operations of a training step.

    By the convention of `cost`; not known of learners that count.
    """
    if block.kind != "models":
        return {"body_parameters": "", "operations": ""}
    what = block.specification
    parameters = Parameters.from_specification(what["grammar"])
    network = work(parameters, what["task"], what["architecture"])
    operations = what["settings"]["batch_size"] * network.training
    return {"body_parameters": network.body_parameters, "operations": operations}


def _outputs(plan: Plan) -> dict[str, list[str]]:
    """Names of the tables and figures of each stage, below the study's folder."""
    experiments = sorted({curve.experiment for curve in plan.finite})
    recovering = sorted({curve.experiment for curve in plan.recovering})
    sweeping = sorted({curve.experiment for curve in plan.sweeping})
    sized = sorted({curve.experiment for curve in plan.sized})
    represented = sorted({curve.experiment for curve, _ in plan.represented})
    theory = [f"theory-{grammar}-{task}" for grammar, task in plan.solved()]
    figures = [
        *(
            f"{kind}-{name}"
            for name in experiments
            for kind in ("learning_curves", "local_exponents")
        ),
        *(f"recovery-{name}" for name in recovering),
        *(f"learning_rates-{name}" for name in sweeping),
        *(f"scaling-{name}" for name in sized),
        *(f"invariance-{name}" for name in represented),
        *([f"claim-{plan.study.claim}"] if plan.study.claim else []),
    ]
    rates = ("rates", "best_rates", "rate_scaling", "coordinates")
    return {
        "gather_runs": ["runs.csv"],
        "compare_rates": [f"{name}.csv" for name in rates if sweeping],
        "tabulate_theory": ["theory.csv", "predictions.csv"],
        "draw_theory": _drawn(theory),
        "aggregate_curves": [f"{name}.csv" for name in ("curves",) if plan.finite],
        "fit_curves": [f"{name}.csv" for name in ("fits", "local_exponents") if plan.finite],
        "find_crossings": [f"{name}.csv" for name in ("crossings", "thresholds") if plan.crossing],
        "foretell_verdict": ["power.csv"] if plan.study.claim else [],
        "decide_claim": ["claims.csv"] if plan.study.claim else [],
        "measure_representations": [
            f"{name}.csv" for name in ("representations", "invariance") if plan.represented
        ],
        "write_guide": ["guide.md"] if plan.study.claim else [],
        "gather_recovery": [f"{name}.csv" for name in ("recovery", "recovered_at") if recovering],
        "compare_sizes": [f"{name}.csv" for name in SCALING_TABLES if sized],
        "draw_figures": [*_drawn(figures), *(["figures/exponents.html"] if plan.finite else [])],
    }


def _claimed(plan: Plan, curve: Curve) -> dict[str, Any]:
    """What decides a claim from a curve."""
    config = plan.study.architectures[curve.architecture]
    experiment = plan.study.experiments[curve.experiment]
    replicas = experiment.replicas
    return {
        **curve.key(),
        "kind": config.kind,
        "learner": config.learner,
        "test_size": experiment.test_size,
        "train_sizes": plan.grids[curve.experiment, curve.grammar].sizes,
        "replicas": {
            "rule_seed": replicas.rule_draws,
            "sample_seed": replicas.samples,
            "init_seed": replicas.initialisations,
        },
        "representations": experiment.representations and hasattr(config, "optimizer"),
    }


def _drawn(names: list[str]) -> list[str]:
    """Files of figures, as PNG for the report and as PDF for the paper."""
    return [f"figures/{name}.{suffix}" for name in names for suffix in ("png", "pdf")]


def stages(plan: Plan) -> dict[str, Stage]:
    """All light stages of a study by name."""
    study, recovering = plan.study, set(plan.recovering)
    curves = [{"experiment": curve.experiment, **curve.key()} for curve in plan.finite]
    grammars = {name: plan.parameters(name).specification() for name in study.grammars}
    learners = {name: config.learner for name, config in study.architectures.items()}
    titles = {name: experiment.title or name for name, experiment in study.experiments.items()}
    families = list({(c.grammar, c.task, c.architecture): c for c in plan.sized}.values())
    sized = set(plan.sized)
    online = [
        (curve, block)
        for curve, block in plan.blocks
        if curve in sized and block.specification["train_size"] == ONLINE
    ]
    tests = {name: experiment.test_size for name, experiment in study.experiments.items()}
    keyed = {"curves": curves, "grammars": grammars, "learners": learners}
    claimed = {
        "claim": study.claim,
        "grammars": grammars,
        "curves": [_claimed(plan, curve) for curve in plan.crossing],
    }
    counted = [(curve, block) for curve, block in plan.blocks if curve in recovering]
    checks = [check for _, check in plan.coordinates]
    shares: dict[str, dict[str, Any]] = {
        "gather_runs": {
            "blocks": [
                {
                    "runs": block.files["runs"],
                    "product": block.name,
                    **curve.key(),
                    **accounting(block),
                }
                for curve, block in plan.blocks
            ]
        },
        "compare_rates": {
            "curves": [curve.key() for curve in plan.sweeping],
            "coordinates": [
                {"file": known.files["product"], **curve.key()} for curve, known in plan.coordinates
            ],
        },
        "tabulate_theory": {
            "grammars": grammars,
            "products": [
                {"files": known.files, "grammar": grammar, "task": task, "rule": rule}
                for (grammar, task, rule), known in plan.theory.items()
            ],
        },
        "draw_theory": {
            "grammars": grammars,
            "figures": plan.solved(),
            "surveys": [
                {"file": known.files["product"], "grammar": grammar, "task": task}
                for (grammar, task), known in plan.surveys.items()
            ],
        },
        "aggregate_curves": {**keyed, "test_sizes": tests},
        "fit_curves": keyed,
        "find_crossings": {
            "curves": [curve.key() for curve in plan.crossing],
            "learners": learners,
        },
        "foretell_verdict": claimed,
        "decide_claim": claimed,
        "measure_representations": {
            "blocks": [
                {
                    "weights": block.files["weights"],
                    "specification": block.specification,
                    "grammars": {
                        rule: grammar.files["product"]
                        for rule, grammar in plan.grammars_of(curve, block).items()
                    },
                    **curve.key(),
                }
                for curve, block in plan.represented
            ]
        },
        "write_guide": {"claim": study.claim, "grammars": grammars},
        "gather_recovery": {
            "blocks": [
                {"recovery": block.files["recovery"], **curve.key()} for curve, block in counted
            ],
            "learners": learners,
        },
        "compare_sizes": {
            "families": [family.key() for family in families],
            "histories": [
                {
                    "history": block.files["history"],
                    "batch_size": block.specification["settings"]["batch_size"],
                    **curve.key(),
                }
                for curve, block in online
            ],
            "grammars": grammars,
        },
        "draw_figures": {
            "curves": curves,
            "families": [{"experiment": f.experiment, **f.key()} for f in families],
            "learners": learners,
            "swept": [{"experiment": c.experiment, **c.key()} for c in plan.sweeping],
            "titles": titles,
            "recovering": sorted({curve.experiment for curve in recovering}),
            "sweeping": sorted({curve.experiment for curve in plan.sweeping}),
            "title": study.title or study.name,
            "represented": [
                {"experiment": curve.experiment, **curve.key()}
                for curve in dict.fromkeys(curve for curve, _ in plan.represented)
            ],
            "claim": study.claim,
            **({"grammars": grammars} if study.claim else {}),
        },
    }
    reads: dict[str, list[tuple[Product, tuple[str, ...]]]] = {
        "gather_runs": [(block, ("runs",)) for _, block in plan.blocks],
        "compare_rates": [(check, ("product",)) for check in checks],
        "tabulate_theory": [(known, ("quantities", "curves")) for known in plan.theory.values()],
        "draw_theory": [(known, ("product",)) for known in plan.surveys.values()],
        "gather_recovery": [(block, ("recovery",)) for _, block in counted],
        "measure_representations": [
            read
            for curve, block in plan.represented
            for read in (
                (block, ("weights",)),
                *((g, ("product",)) for g in plan.grammars_of(curve, block).values()),
            )
        ],
        "compare_sizes": [(block, ("history",)) for _, block in online],
    }
    outputs = _outputs(plan)
    found: dict[str, Stage] = {}
    for name, earlier in LIGHT_STAGES.items():
        before = [found[other] for other in earlier if outputs[other]]
        read = reads.get(name, [])
        files = [product.files[role] for product, roles in read for role in roles]
        tables = chain.from_iterable(stage.outputs for stage in before)
        share = {
            "study": study.name,
            "code": fingerprint(f"steps.{name}:make"),
            # paths in the store end in identities
            "reads": {"store": files, "stages": {stage.name: stage.identity for stage in before}},
            **shares[name],
        }
        found[name] = Stage(
            name,
            share,
            [f"results/{study.name}/{output}" for output in outputs[name]],
            [product for product, _ in read],
            [*files, *tables],
        )
    return found
