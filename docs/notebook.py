"""The tutorial as a notebook: executes ``tutorial.py``, writes ``tutorial.ipynb`` with its outputs.

``make notebook`` runs this. The text of both files is one (jupytext's percent format); what the
notebook has in addition are outputs, and nothing that depends on when or where they were made.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
SOURCE, NOTEBOOK = HERE / "tutorial.py", HERE / "tutorial.ipynb"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def paired(source: Path = SOURCE) -> nbformat.NotebookNode:
    """The notebook of a text, without outputs."""
    notebook = jupytext.read(source)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, **_formats(notebook)})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # instead of a random one
    return notebook


def _formats(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    return {"jupytext": {"formats": notebook.metadata["jupytext"]["formats"]}}


def executed(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of its cells, run in a folder.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails; the text shows the cell and its traceback.
    """
    kernel = KERNEL["name"]
    client = NotebookClient(notebook, timeout=None, kernel_name=kernel, record_timing=False)
    # figures are drawn into the notebook, whatever other programs are told
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    client.execute(cwd=str(folder), env=environment)
    notebook.metadata.pop("language_info", None)  # has the version of Python
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data.pop("text/plain", None)  # its size in pixels
    return notebook


def main() -> None:
    """Execute the tutorial in an empty folder, and write the notebook."""
    with TemporaryDirectory() as folder:
        nbformat.write(executed(paired(), Path(folder)), NOTEBOOK)
    print(f"{NOTEBOOK}: {NOTEBOOK.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
