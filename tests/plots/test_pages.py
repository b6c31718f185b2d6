"""What pages are made of: text stays text, guides keep their marks, tables their cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.plots.pages import link, prose, table


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("# A1: agrees", "<h3>A1: agrees</h3>"),
        ("**What** is *a & b*", "<p><b>What</b> is <i>a &amp; b</i></p>"),
        ("- one\n- `f-*.pdf`, *two*", "<ul><li>one</li><li><code>f-*.pdf</code>, <i>two</i></li>"),
        ("first\n\n- <b>", "<p>first</p><ul><li>&lt;b&gt;</li></ul>"),
        ("`a*b` and `c*d`", "<p><code>a*b</code> and <code>c*d</code></p>"),
    ],
)
def test_guides_are_shown_with_their_marks(markdown: str, shown: str) -> None:
    assert prose(f"{markdown}\n").startswith(shown)


def test_cells_of_tables_are_short_and_no_html() -> None:
    frame = pd.DataFrame({"<a>": ["x<y", "z"], "b": [1 / 3, np.nan], "n": [3, 4]})
    shown = table(frame, {"<a>": "less & more"})
    assert "<th>&lt;a&gt;</th><th>b</th><th>n</th>" in shown
    assert "<tr><td>x&lt;y</td><td>0.33333</td><td>3</td></tr>" in shown
    assert "<tr><td>z</td><td></td><td>4</td></tr>" in shown
    assert shown.endswith("<dl><dt>&lt;a&gt;</dt><dd>less &amp; more</dd></dl>")


def test_an_address_cannot_end_its_quotes() -> None:
    assert link('a" onclick="b', "c") == '<a href="a&quot; onclick=&quot;b">c</a>'
