"""What every figure has to be, for print."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from rhm_scaling.plots.style import COLUMN, save


def readable(figure: Figure, folder: Path, beside: int = 1) -> None:
    """Fail unless a figure can be printed and read: its width, fonts, legends.

    `beside`: how many panels stand side by side.
    """
    save(figure, folder, "figure")
    assert figure.get_figwidth() == pytest.approx(COLUMN)
    fonts = (folder / "figure.pdf").read_bytes()
    assert b"/FontFile2" in fonts and b"/Subtype /Type3" not in fonts
    legends = [*figure.legends, *(axis.get_legend() for axis in figure.axes)]
    boxes = [legend.get_window_extent() for legend in legends if legend is not None]
    whole = figure.bbox
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 for box in boxes)
    for axis in figure.axes:
        panel = axis.get_window_extent()
        assert panel.width > 0.5 * figure.bbox.width / beside  # labels leave it room
        for line in axis.lines:
            if line.get_transform() != axis.transData:
                continue
            drawn = axis.transData.transform(np.column_stack(line.get_data()).astype(float))
            drawn = drawn[np.isfinite(drawn).all(axis=1)]
            shown = [point for point in drawn if panel.contains(*point)]
            assert not any(box.contains(*point) for point in shown for box in boxes)
        for text in axis.get_xticklabels() + axis.get_yticklabels():
            assert text.get_fontsize() >= 5.5
