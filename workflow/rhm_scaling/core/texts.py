"""Text that comes from a user: read whole or not at all, shown in one line."""

from __future__ import annotations

import stat
import unicodedata
from pathlib import Path
from typing import Any

# control characters, line and paragraph separators, halves of characters
_NOT_SHOWN = ("Cc", "Cs", "Zl", "Zp")


def read(path: Path, most: int) -> str:
    """The text of a file of at most `most` bytes.

    Raises
    ------
    ValueError
        If it cannot be read; the message says why.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a device may have no end, a pipe no writer
            raise ValueError("is no regular file")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from error
    if len(data) > most:
        raise ValueError(f"is larger than {most} bytes")
    try:
        return data.decode("utf-8-sig")  # some editors begin a file with a byte-order mark
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8 text; save it as UTF-8") from error


def is_line(text: str) -> bool:
    """Whether a text has no line break and no other control character."""
    return not any(unicodedata.category(character) in _NOT_SHOWN for character in text)


def line(text: str) -> str:
    """The text for a message: as it is if all of it can be seen, or else escaped."""
    return text if text.isprintable() else ascii(text)[1:-1]


def short(value: Any, most: int = 60) -> str:
    """Any value in one short line of ASCII."""
    try:
        shown = ascii(value)
    except ValueError:  # Python refuses to write numbers of thousands of digits
        shown = "a number of thousands of digits"
    return cut(shown, most)


def cut(text: str, most: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= most else text[: most - 3] + "..."
