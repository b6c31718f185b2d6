"""The claims by name, and the task that each is about."""

from __future__ import annotations

from typing import Literal

from ..grammar.tasks import Task

ClaimName = Literal["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4", "B5", "C1", "C2"]
LATENT_CLAIMS: tuple[ClaimName, ...] = ("C1", "C2")  # about the learner of latent prediction
CLAIM_TASKS: dict[ClaimName, Task] = {
    **dict.fromkeys(("A1", "A2", "A3", *LATENT_CLAIMS), "classification"),
    **dict.fromkeys(("A4", "B1", "B2", "B3", "B4", "B5"), "last_token"),
}
