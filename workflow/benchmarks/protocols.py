"""One run, one curve: the crossings of a curve, by a training a size and by one online training."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from .projects import copied, core_seconds, run

# networks of the level-by-level claims, six rule draws
_STUDY = """
name: protocols
grammars:
  m3: {v: 16, s: 2, L: 3, m: 3}
  m4: {v: 16, s: 2, L: 3, m: 4}
architectures:
  cnn: {kind: cnn, width: 64, training: {max_steps: 4096, patience: 2.5}}
experiments:
  both:
    task: last_token
    grammars: [m3, m4]
    architectures: [cnn]
    train_sizes: [512, 1024, 2048, 4096, 8192, 16384, 32768]
    online: true
    validation_size: 1024
    test_size: 4096
    replicas: {rule_draws: 6}
block: {rule_draws: 6}
"""


def measure() -> pd.DataFrame:
    """A row a grammar and protocol: core-seconds of its trainings, crossings of levels 2 and 3.

    Ratio: seconds of a training a size to those of one online training.
    """
    with tempfile.TemporaryDirectory() as folder:
        project = copied(Path(folder, "project"))
        (project / "study.yaml").write_text(_STUDY, encoding="utf-8")
        run(project, ["study.yaml"], 1)
        results = project / "results" / "protocols"
        runs, crossed = (pd.read_csv(results / f"{name}.csv") for name in ("runs", "thresholds"))
        took = {
            product: core_seconds(project, f"results/store/models/{product}/record.json")
            for product in runs["product"].unique()
        }
    rows: list[dict[str, Any]] = []
    for (grammar, protocol), mine in runs.groupby(["grammar", "protocol"]):
        at = crossed[(crossed["grammar"] == grammar) & (crossed["protocol"] == protocol)]
        levels: dict[Any, Any] = at.set_index("level").to_dict("index")
        rows.append(
            {
                "curve": f"cnn, v 16 L 3 {grammar}, {protocol}",
                "core-s": sum(took[product] for product in mine["product"].unique()),
                "level 2 at": levels[2]["crossed_at"],
                "level 3 at": levels[3]["crossed_at"],
                "growth": levels[3]["growth"],
                "half-width": (levels[3]["growth_high"] - levels[3]["growth_low"]) / 2,
            }
        )
    table = pd.DataFrame(rows)
    finite = table["core-s"].where(table["curve"].str.endswith("finite")).ffill()
    return table.assign(ratio=finite / table["core-s"])
