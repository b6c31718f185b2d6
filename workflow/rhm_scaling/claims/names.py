"""The claims by name, and what each is about."""

from __future__ import annotations

from typing import Literal

from ..grammar.tasks import Task

ClaimName = Literal["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4", "B5", "C1", "C2", "D1", "D2"]
LATENT_CLAIMS: tuple[ClaimName, ...] = ("C1", "C2")  # about the learner of latent prediction
TRANSITION_CLAIMS: tuple[ClaimName, ...] = ("D1",)  # about posteriors of corrupted sentences
GENERATION_CLAIMS: tuple[ClaimName, ...] = ("D2",)  # about sentences that networks generate
# the tasks of those that learning curves decide
CLAIM_TASKS: dict[ClaimName, Task] = {
    **dict.fromkeys(("A1", "A2", "A3", *LATENT_CLAIMS), "classification"),
    **dict.fromkeys(("A4", "B1", "B2", "B3", "B4", "B5"), "last_token"),
}
