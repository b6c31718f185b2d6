"""A notebook as a page: text, code, and what the code printed and drew when it was last run."""

from __future__ import annotations

import base64
from pathlib import Path

import nbformat


def page(notebook: Path) -> tuple[str, dict[str, bytes]]:
    """Markdown of a notebook, and the images in it.

    Parameters
    ----------
    notebook
        Path of a ``.ipynb``.

    Returns
    -------
    markdown, images
        The page, and the content of each image by the name that the page gives it.
    """
    parts: list[str] = []
    images: dict[str, bytes] = {}
    for cell in nbformat.read(notebook, as_version=4).cells:  # type: ignore[no-untyped-call]
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" in data:
                name = f"{notebook.stem}-{len(images) + 1}.png"
                images[name] = base64.b64decode(data["image/png"])
                parts.append(f"![what this code draws]({name})")
            elif "text/plain" in data:
                parts.append(f"```text\n{data['text/plain'].rstrip()}\n```")
    return "\n\n".join(parts) + "\n", images
