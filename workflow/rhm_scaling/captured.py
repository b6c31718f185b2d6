"""Work that a GPU repeats, recorded once and replayed as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_PLAIN = 3  # calls before the recording, in which libraries set themselves up


class Captured:
    """A function on a GPU that runs the same kernels on tensors of the same shapes at every call.

    Each of a small network's kernels takes less time than its launch. After a few plain calls the
    kernels are recorded as a CUDA graph, and a call copies its arguments to where the graph reads
    them and launches all at once, without waiting for any. The function must change tensors in
    place alone, and must not read numbers back; whoever replaces a tensor that it uses needs a new
    recording.

    Parameters
    ----------
    work
        The function, of tensors on one GPU.
    """

    def __init__(self, work: Callable[..., None]) -> None:
        self._work, self._plain = work, _PLAIN
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._places: Sequence[Tensor] = ()

    def __call__(self, *arguments: Tensor) -> None:
        """Run it, in the order of the GPU's present stream."""
        if self._plain:
            self._plain -= 1
            here = torch.cuda.current_stream()
            self._stream.wait_stream(here)
            with torch.cuda.stream(self._stream):
                self._work(*arguments)
            here.wait_stream(self._stream)
            return
        if self._graph is None:
            self._places = [argument.clone() for argument in arguments]
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._work(*self._places)
        for place, argument in zip(self._places, arguments, strict=True):
            place.copy_(argument)
        self._graph.replay()
