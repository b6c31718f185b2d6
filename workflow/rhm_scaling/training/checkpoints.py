"""Checkpoints: the state of a training, kept aside so that a killed job goes on where it was."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from ..core.errors import StoppedError
from ..core.files import write_aside
from ..core.hashing import identity

Log = Callable[[str], None]
State = tuple[Mapping[str, Tensor], dict[str, Any]]
_NUMBERS = "numbers"  # the tensor that holds all that is not one, as JSON
_DIGEST = 32  # bytes of SHA-256, with which a checkpoint begins
_SHARED = 10  # of so many checkpoints that have a node's own disk, one goes beside the product


def scratch_folder(scratch: str, product: Path, log: Log) -> Path | None:
    """Make a product's own folder on this node's own disk; none if there is no such disk.

    Parameters
    ----------
    scratch
        A folder that exists, with environment variables of this node; empty for none.
    product
        Where the product is; nothing that is made elsewhere has the same folder.
    log
        Takes a line.
    """
    base = os.path.expandvars(scratch)
    if not base:
        return None
    folder = Path(base, f"rhm-scaling-{identity([os.getuid(), str(product.absolute())])}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid != os.getuid():  # the disk may be open to all users
            raise PermissionError(errno.EACCES, "another user's")
    except OSError as error:
        log(f"{folder}: no scratch ({error.strerror}); checkpoints go beside the product")
        return None
    return folder


class Checkpoint:
    """Where a training keeps its state, and how often.

    Parameters
    ----------
    path
        Of the file beside the product, which appears whole or not at all.
    what
        What is trained, and how; a checkpoint of anything else is not taken.
    every
        Seconds between two checkpoints.
    log
        Takes a line.
    scratch
        A folder on this node's own disk, which takes most checkpoints off a file system that many
        nodes share. Every tenth still goes beside the product, as do the one of a training that is
        asked to stop, and the last of one that had others: another node can go on from there.
    """

    def __init__(
        self,
        path: Path,
        what: Any,
        every: float,
        log: Log = lambda line: None,
        scratch: Path | None = None,
    ) -> None:
        self._places = [*([scratch / path.name] if scratch else []), path]
        self._what, self._every, self._log = what, every, log
        self._last = time.monotonic()
        self._saves = 0
        self._stopped = False

    def due(self) -> bool:
        """Whether it is time to save."""
        return self._stopped or time.monotonic() - self._last >= self._every

    def save(self, state: State, finished: bool = False) -> None:
        """Keep a state; a full disk costs the checkpoint, not the training.

        Parameters
        ----------
        state
            Of the training.
        finished
            Whether it is the last.

        Raises
        ------
        StoppedError
            If the training was asked to stop, once its state is kept.
        """
        tensors, numbers = state
        text = json.dumps({"what": self._what, **numbers}).encode()
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = save({**whole, _NUMBERS: torch.frombuffer(bytearray(text), dtype=torch.uint8)})
        content = hashlib.sha256(content).digest() + content
        self._saves += 1
        late = finished and self._saves > 1
        shared = self._stopped or late or self._saves % _SHARED == 0
        for place in reversed(self._places) if shared else self._places:
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                write_aside(place, lambda aside: aside.write_bytes(content))
                break
            except OSError as error:
                self._log(f"{place}: no checkpoint ({error.strerror})")
        self._last = time.monotonic()
        if self._stopped:
            raise StoppedError("stopped by a signal; run again to go on from here")

    def load(self) -> State | None:
        """The furthest state that was kept, of this very training and sound, if there is one."""
        found = {place: state for place in self._places if (state := self._read(place))}
        if not found:
            return None
        place = max(found, key=lambda place: found[place][1]["step"])
        self._log(f"{place}: goes on at step {found[place][1]['step']}")
        return found[place]

    def _read(self, place: Path) -> State | None:
        try:
            content = place.read_bytes()
        except OSError:
            return None
        digest, content = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            self._log(f"{place}: damaged; not taken up")
            return None
        tensors = load(content)
        numbers = json.loads(bytes(tensors.pop(_NUMBERS).tolist()))
        if numbers.pop("what") != json.loads(json.dumps(self._what)):
            self._log(f"{place}: of another training; not taken up")
            return None
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
