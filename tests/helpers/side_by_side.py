"""Which tests run in which process, where pytest-xdist runs some side by side."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class Files(LoadScopeScheduling):
    """A file's tests run in one process, and those of a folder whose files share a SLURM."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        folder = path.rsplit("/", 1)[0]
        return folder if folder.endswith("/cluster") else path
