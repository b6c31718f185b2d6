"""Checkpoints: the state of a training, kept aside so that a killed job goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from .provenance import StoppedError, write_aside

State = tuple[Mapping[str, Tensor], dict[str, Any]]
_NUMBERS = "numbers"  # the tensor that holds all that is not one, as JSON
_DIGEST = 32  # bytes of SHA-256, with which a checkpoint begins


class Checkpoint:
    """Where a training keeps its state, and how often.

    Parameters
    ----------
    path
        Of the file, which appears whole or not at all.
    what
        What is trained, and how; a checkpoint of anything else is not taken.
    every
        Seconds between two checkpoints.
    log
        Takes a line.
    """

    def __init__(
        self, path: Path, what: Any, every: float, log: Callable[[str], None] = lambda line: None
    ) -> None:
        self.path, self._what, self._every, self._log = path, what, every, log
        self._last = time.monotonic()
        self._stopped = False

    def due(self) -> bool:
        """Whether it is time to save."""
        return self._stopped or time.monotonic() - self._last >= self._every

    def save(self, state: State) -> None:
        """Keep a state; a full disk costs the checkpoint, not the training.

        Raises
        ------
        StoppedError
            If the training was asked to stop, once its state is kept.
        """
        tensors, numbers = state
        text = json.dumps({"what": self._what, **numbers}).encode()
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = save({**whole, _NUMBERS: torch.frombuffer(bytearray(text), dtype=torch.uint8)})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256(content).digest()
            write_aside(self.path, lambda aside: aside.write_bytes(digest + content))
        except OSError as error:
            self._log(f"{self.path}: no checkpoint ({error.strerror})")
        self._last = time.monotonic()
        if self._stopped:
            raise StoppedError("stopped by a signal; run again to go on from here")

    def load(self) -> State | None:
        """The state that was kept, if there is one of this very training and it is sound."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return None
        digest, content = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            self._log(f"{self.path}: damaged; started anew")
            return None
        tensors = load(content)
        numbers = json.loads(bytes(tensors.pop(_NUMBERS).tolist()))
        if numbers.pop("what") != json.loads(json.dumps(self._what)):
            self._log(f"{self.path}: of another training; started anew")
            return None
        self._log(f"{self.path}: goes on at step {numbers.get('step')}")
        return tensors, numbers

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """On SIGTERM or SIGINT, save at the end of the step and stop."""

        def stop(number: int, frame: Any) -> None:
            self._stopped = True

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
