"""Work that a GPU repeats, recorded once and replayed as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_PLAIN = 3  # calls before the recording, in which libraries set themselves up


class Captured:
    """Repeats a function on a GPU that runs the same kernels on the same shapes at every call.

    Each of a small network's kernels takes less time than its launch. After a few plain calls the
    kernels are recorded as a CUDA graph, and a call copies its arguments to where the graph reads
    them and launches all at once, without waiting for any. The function must change tensors in
    place alone, and must not read numbers back; whoever replaces a tensor that it uses needs a new
    recording.
    """

    def __init__(self) -> None:
        self._plain = _PLAIN
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._places: Sequence[Tensor] = ()

    def __call__(self, work: Callable[..., None], *arguments: Tensor) -> None:
        """Do the `work`, always the same, in the order of the GPU's present stream.

        The function is not kept: it may belong to what keeps this object, and a graph that is only
        found to be garbage while another is recorded spoils that one.
        """
        if self._plain:
            self._plain -= 1
            here = torch.cuda.current_stream()
            self._stream.wait_stream(here)
            with torch.cuda.stream(self._stream):
                work(*arguments)
            here.wait_stream(self._stream)
            return
        if self._graph is None:
            self._places = [argument.clone() for argument in arguments]
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self._stream):
                work(*self._places)
        for place, argument in zip(self._places, arguments, strict=True):
            place.copy_(argument)
        self._graph.replay()
