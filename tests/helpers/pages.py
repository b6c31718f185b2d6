"""What a page in HTML holds, for tests: its links, images, scripts and words."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """A page read from its file.

    Attributes
    ----------
    links
        Every `href` and `src`, but for what is inside the page itself.
    places
        Every `id`.
    images
        The texts that stand for the images.
    words
        All text that is shown.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.links, self.places, self.images = path, [], set(), []
        self._words: list[str] = []
        self._hidden = False
        self.feed(path.read_text(encoding="utf-8"))
        self.words = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links, places and images."""
        known = dict(attrs)
        found = [known.get(name) for name in ("href", "src")]
        self.links += [link for link in found if link is not None and link[:5] != "data:"]
        self.places |= {known["id"]} if known.get("id") else set()
        self.images += [known.get("alt")] if tag == "img" else []
        self._hidden = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        """What follows a style or script is shown."""
        self._hidden = False

    def handle_data(self, data: str) -> None:
        """Note words."""
        self._words += [] if self._hidden else [data]

    def dead(self) -> list[str]:
        """Links that lead nowhere, or into a network."""
        return [link for link in self.links if not self._leads(link)]

    def _leads(self, link: str) -> bool:
        known = urlsplit(link)
        if known.scheme or known.netloc or known.path.startswith("/"):
            return False
        if not known.path:
            return known.fragment in self.places
        return (self.path.parent / unquote(known.path)).is_file()
