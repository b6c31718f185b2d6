"""Archives with random damage, and what becomes of them; alone, it prints how many of each."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

from rhm_scaling.core.errors import UserError
from rhm_scaling.publish.archive import FACTS, MANIFEST
from rhm_scaling.publish.unpacking import Archive

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def archive(path: Path, method: int) -> bytes:
    """A small archive whose larger files are packed in some way."""
    facts = {"study": "study.yaml", "name": "a", "code": {"commit": None, "note": "none"}}
    files = {FACTS: json.dumps(facts).encode(), "study.yaml": b"name: a\n"}
    files |= {"results/a.csv": b"a,b\n1,2\n" * 200, "weights": bytes(range(256)) * 20}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
    with zipfile.ZipFile(path, "w") as made:
        for name, data in {**files, MANIFEST: sums.encode()}.items():
            how = method if len(data) > 1000 else zipfile.ZIP_DEFLATED
            made.writestr(name, data, compress_type=how)
    return path.read_bytes()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """A file with one damage, where it hurts as often as where it does not."""
    end = content.rfind(b"PK\x01\x02")
    place = (
        chance.randrange(len(content))
        if chance.random() < 0.5
        else chance.randrange(end, len(content))
    )
    how = chance.choice(("flip", "byte", "zeros", "cut", "insert", "remove", "repeat"))
    before, here, after = content[:place], content[place], content[place + 1 :]
    length = chance.randrange(1, 64)
    return {
        "flip": before + bytes([here ^ (1 << chance.randrange(8))]) + after,
        "byte": before + chance.randbytes(1) + after,
        "zeros": before + bytes(length) + content[place + length :],
        "cut": before,
        "insert": before + chance.randbytes(length) + content[place:],
        "remove": before + content[place + length :],
        "repeat": before + content[place : place + length] + content[place:],
    }[how]


def tried(folder: Path, number: int, seed: int) -> Counter[str]:
    """What became of so many damaged archives."""
    chance = random.Random(seed)  # noqa: S311 (nothing secret)
    counts: Counter[str] = Counter()
    path, out = folder / "a.zip", folder / "out"
    for attempt in range(number):
        whole = archive(path, METHODS[attempt % len(METHODS)])
        path.write_bytes(damaged(whole, chance))
        try:
            Archive(path).unpack(out / str(attempt))
            counts["unpacked, as its checksums are right"] += 1
        except UserError as error:
            assert "\n" not in str(error)
            counts["refused in a line"] += 1
        except Exception as error:
            counts["a traceback"] += 1
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return counts


def main() -> int:
    """Print a line for each end."""
    with tempfile.TemporaryDirectory() as folder:
        counts = tried(Path(folder), 1500, seed=0)
    for what, count in counts.most_common():
        print(f"{count:6} {what}")
    return int(counts["a traceback"] > 0)


if __name__ == "__main__":
    sys.exit(main())
