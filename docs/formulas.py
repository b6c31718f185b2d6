"""Formulas of pages, ``$..$`` and ``$$..$$``, as MathML, which browsers show without a library.

The part of TeX that these documents use: letters, numbers, operators, scripts, fractions, words.
"""

from __future__ import annotations

import re
from html import escape

_SIGNS = {
    **{"alpha": "α", "simeq": "≃", "sim": "∼", "propto": "∝", "ge": "≥", "le": "≤"},
    **{"cdots": "⋯", "cdot": "⋅", "times": "×", "infty": "∞", "sum": "∑"},
}
_FUNCTIONS = {"log", "exp", "max", "min"}
_SPACES = {",": "0.17em", "quad": "1em", "qquad": "2em"}
_TOKEN = re.compile(r"\s*(?:\\([A-Za-z]+|,)|(\d+(?:\.\d+)?)|(.))", re.S)
_CODE_OR_FORMULA = re.compile(
    r"(?P<code>^```.*?^```|`[^`\n]+`)|\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$\s](?:[^$]*?[^$\s])?)\$",
    re.S | re.M,
)


def with_mathml(markdown: str) -> str:
    """A page with its formulas as MathML; code stays as it is.

    Raises
    ------
    ValueError
        If a formula uses what is not known here.
    """

    def replaced(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        if match["display"]:
            return mathml(match["display"], display=True)
        # Markdown takes a line that begins with <math for a paragraph of its own
        return f"<span>{mathml(match['inline'])}</span>"

    return _CODE_OR_FORMULA.sub(replaced, markdown)


def mathml(tex: str, *, display: bool = False) -> str:
    """One formula.

    Raises
    ------
    ValueError
        If it uses what is not known here; the text names it.
    """
    reader = _Reader(tex)
    body = reader.row()
    if reader.left:
        raise ValueError(f"formula {tex!r}: has a brace too many")
    kind = ' display="block"' if display else ""
    return f"<math{kind}>{body}</math>"


class _Reader:
    """Reads a formula from left to right."""

    def __init__(self, tex: str) -> None:
        self.tex = tex
        self.left = [match.groups() for match in _TOKEN.finditer(tex.strip())]

    def row(self) -> str:
        """All up to the end, or to the brace that closes."""
        parts = []
        while self.left and self.left[0][2] != "}":
            parts.append(self._with_scripts())
        return f"<mrow>{''.join(parts)}</mrow>"

    def _with_scripts(self) -> str:
        base, scripts = self._one(), {}
        while self.left and self.left[0][2] in ("_", "^"):
            sign = self.left.pop(0)[2]
            scripts[sign] = self._one()
        match sorted(scripts):
            case ["^", "_"]:
                return f"<msubsup>{base}{scripts['_']}{scripts['^']}</msubsup>"
            case ["_"]:
                return f"<msub>{base}{scripts['_']}</msub>"
            case ["^"]:
                return f"<msup>{base}{scripts['^']}</msup>"
        return base

    def _one(self) -> str:
        if not self.left:
            raise ValueError(f"formula {self.tex!r}: ends too soon")
        command, number, sign = self.left.pop(0)
        if number:
            return f"<mn>{number}</mn>"
        if command:
            return self._command(command)
        if sign == "{":
            return self._closed(self.row())
        if sign.isalpha():
            return f"<mi>{sign}</mi>"
        sign = {"-": "−", "*": "∗"}.get(sign, sign)
        return f'<mo stretchy="false">{escape(sign)}</mo>'

    def _command(self, name: str) -> str:
        if name in _SIGNS:
            kind = "mi" if _SIGNS[name].isalpha() else "mo"
            return f"<{kind}>{_SIGNS[name]}</{kind}>"
        if name in _FUNCTIONS:
            return f"<mi>{name}</mi><mspace width='0.17em'/>"
        if name in _SPACES:
            return f"<mspace width='{_SPACES[name]}'/>"
        if name == "frac":
            return f"<mfrac>{self._one()}{self._one()}</mfrac>"
        if name == "text":
            self.left.pop(0)
            word = ""
            while self.left and self.left[0][2] != "}":
                word += "".join(part or "" for part in self.left.pop(0))
            return self._closed(f"<mtext>{escape(word)}</mtext>")
        raise ValueError(f"formula {self.tex!r}: \\{name} is not known here")

    def _closed(self, found: str) -> str:
        if not self.left:
            raise ValueError(f"formula {self.tex!r}: has a brace too few")
        self.left.pop(0)
        return found
