"""How to read each kind of figure: headings and captions of the reports, Snakemake's and ours."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

CAPTIONS = Path(__file__).parents[2] / "report"
# of a report's sections, in their order, by the kind of figure
HEADINGS = {
    "theory": "Theory",
    **dict.fromkeys(("denoising", "restoring"), "Denoising"),
    "exponents": "Exponents",
    "learning_curves": "Learning curves",
    "local_exponents": "Local exponents",
    "recovery": "Recovered symbols",
    "scaling": "Network size",
    "learning_rates": "Learning rates",
    "invariance_sizes": "Representations",
    "invariance_ratios": "Representations",
    **dict.fromkeys(("scan_laws", "scan_collapse", "scan_sparsity"), "Scans"),
    "sensitivity": "Synonyms and blanks",
    **dict.fromkeys(("masked", "composition"), "Denoisers"),
    "rule_errors": "Errors by rule",
    "learning_times": "Learning times",
    **dict.fromkeys(("training_losses", "onsets", "repetition"), "Trainings"),
    "controls": "Controls",
    "claim": "Claim",
}


def caption(kind: str, figure: str) -> str:
    """The caption of a figure as HTML, from the same file as in Snakemake's report.

    Parameters
    ----------
    kind
        One of `HEADINGS`.
    figure
        The rest of the figure's name, which says of a theory's figure what it shows.
    """
    # Snakemake's, which no run needs
    import jinja2
    from docutils.core import publish_parts

    source = CAPTIONS / ("theory.rst" if kind == "theory" else "figures.rst")
    names = SimpleNamespace(kind=kind, figure=figure)
    template = jinja2.Environment(autoescape=True).from_string(source.read_text(encoding="utf-8"))
    written = template.render(snakemake=SimpleNamespace(wildcards=names))
    settings = {"file_insertion_enabled": False, "raw_enabled": False, "halt_level": 2}
    parts = publish_parts(written, writer="html5", settings_overrides=settings)
    return str(parts["body"]).strip()
