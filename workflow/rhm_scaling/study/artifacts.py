"""Products: what a file in the store is, what it is made from, and where it lives.

A product's path ends in a hash of its specification, which holds the parameters, the identities of
what it is made from, and a fingerprint of the code that makes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..core.fingerprint import fingerprint
from ..core.hashing import canonical_json, identity

STORE = "results/store"
# By kind, the step that makes it, in an order in which they can be made. Whose jobs run it, says
# `run.batches.RULES`
STEPS = {
    "grammars": "draw_grammar",
    "sparse": "spread_grammar",
    "sentences": "sample_sentences",
    "exact": "predict_exactly",
    "theory": "solve_grammar",
    "survey": "survey_grammars",
    "denoising": "denoise_sentences",
    "models": "train_block",
    "counts": "count_block",
    "latents": "count_latents",
    "predictors": "train_predictor",
    "denoisers": "train_denoiser",
    "coordinates": "check_coordinates",
    "representations": "measure_representations",
    "rule_errors": "measure_rule_errors",
    "learning_times": "measure_learning_times",
    "sensitivity": "measure_sensitivity",
}
KINDS = tuple(STEPS)
TRAINED = ("models", "denoisers")  # blocks of networks, trained in packs
TRAININGS = (*TRAINED, "predictors")  # all that train networks
# by themselves; the others are only made for these
RESULTS = (*TRAINED, "counts", "latents", "predictors")
_COUNTED = {"runs": "runs.csv", "recovery": "recovery.csv"}
_TRAINED = {"runs": "runs.csv", "history": "history.csv", "weights": "weights.safetensors"}
# Kinds that are a folder of files, by role
FOLDERS = {
    "theory": {name: f"{name}.csv" for name in ("quantities", "curves", "correlations")},
    "models": _TRAINED,
    "counts": _COUNTED,
    "latents": _COUNTED,
    "predictors": _COUNTED,
    "denoisers": {**_TRAINED, "masked": "masked.csv", "generation": "generation.csv"},
}
_SUFFIXES = {
    **{"sentences": "npy", "exact": "npz", "learning_times": "npz"},
    **dict.fromkeys(("survey", "denoising", "coordinates", "representations"), "csv"),
    **dict.fromkeys(("rule_errors", "sensitivity"), "csv"),
}


@dataclass(frozen=True)
class Product:
    """A product: a file of the store, or a folder of them.

    Attributes
    ----------
    kind
        What it is and which step makes it: one of `KINDS`.
    name
        Path below ``results/store/<kind>/``, without suffix; ends in the identity.
    specification
        What it is; everything that decides its content.
    inputs
        Products that it is read from, by role.
    reads
        Files of the user that it is read from, by role.
    """

    kind: str
    name: str
    specification: dict[str, Any]
    inputs: dict[str, Product] = field(default_factory=dict)
    reads: dict[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The hash that ends the name."""
        return self.name.rpartition("-")[2]

    @property
    def json(self) -> str:
        """The specification as canonical JSON."""
        return canonical_json(self.specification)

    @property
    def sources(self) -> dict[str, str]:
        """Files that it is read from, by role."""
        made = {
            role: product.files["weights" if product.kind == "models" else "product"]
            for role, product in self.inputs.items()
        }
        return {**made, **self.reads}

    @property
    def held_out(self) -> tuple[int, int]:
        """Sizes of a block's validation and test sets."""
        sizes = {role.rsplit("-", 1)[1]: known.specification for role, known in self.inputs.items()}
        return sizes["validation"]["size"], sizes["test"]["size"]

    @property
    def files(self) -> dict[str, str]:
        """Paths of the files that make up the product, by role."""
        stem = f"{STORE}/{self.kind}/{self.name}"
        if self.kind in FOLDERS:
            named = {**FOLDERS[self.kind], "record": "record.json"}
            return {role: f"{stem}/{name}" for role, name in named.items()}
        suffix = _SUFFIXES.get(self.kind, "json")
        return {"product": f"{stem}.{suffix}", "record": f"{stem}.record.json"}

    @property
    def log(self) -> str:
        """Path of the log of the job that makes it."""
        return f"results/logs/{self.kind}/{self.name}.log"


def make_product(
    kind: str,
    label: str,
    what: dict[str, Any],
    inputs: dict[str, Product] | None = None,
    by_name: tuple[str, ...] = (),
    reads: dict[str, str] | None = None,
) -> Product:
    """A product whose code is the stage of its kind and the modules that this loads `by_name`."""
    inputs = inputs or {}
    code = fingerprint(f"steps.products.{STEPS[kind]}:make", *by_name)
    made_from = {role: product.identity for role, product in inputs.items()}
    specification = {"kind": kind, **what, "inputs": made_from, "code": code}
    name = f"{label}-{identity(specification)}"
    return Product(kind, name, specification, inputs, reads or {})


# A training set is a prefix of a stream file. Few capacities mean few files and few jobs; several
# let Snakemake, which starts jobs with large inputs first, begin with the long trainings.
_SMALLEST_CAPACITY = 2**10


def capacity(size: int) -> int:
    """Sentences in the file whose prefix serves as a training set of `size`: 1024 times 4**k."""
    sentences = _SMALLEST_CAPACITY
    while sentences < size:
        sentences *= 4
    return sentences
