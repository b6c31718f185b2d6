"""Fingerprints follow the meaning of the code that really makes a product."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rhm_scaling.architecture.registry import kinds
from rhm_scaling.core import fingerprint as fingerprints

pytestmark = pytest.mark.slow

# what versions of Python parse, write or show in different ways
SAMPLE = r'''
@decorated
async def f(a: int = -1, *rest, key=None, **more) -> "None":
    """Docstring."""
    parts = f"{'-'.join(rest)} {{}} {key!r}\n", f"{a=}" "b", f"{a:>{more['w']}}", f"{rest + ['']}"
    table = {name: [part for part in value if part != key] for name, value in more.items()}
    return [*parts, {**table}, f"{a:{key}}", ..., "\u2ffc\U0001fae8"]
'''

Edit = Callable[[str, str, str], None]
PACKAGE = fingerprints.PACKAGE


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package, of which the fingerprints are taken."""
    folder = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprints, "PACKAGE", folder)
    clear()
    yield folder
    clear()


@pytest.fixture
def edit(copy: Path) -> Edit:
    """Replace text in one of the modules of the copy."""

    def change(module: str, old: str, new: str) -> None:
        path = copy / f"{module}.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        clear()

    return change


def clear() -> None:
    for function in (
        *("fingerprint", "_texts", "_remembered", "_read", "_statement", "_effects", "_colour"),
    ):
        getattr(fingerprints, function).cache_clear()


STEPS = {
    **dict.fromkeys(
        ("draw_grammar", "sample_sentences", "predict_exactly", "solve_grammar"), "products"
    ),
    **dict.fromkeys(
        ("gather_runs", "aggregate_curves", "fit_curves", "compare_sizes", "draw_figures"), "tables"
    ),
}
TRAIN = "steps.products.train_block"


def prints() -> dict[str, str]:
    found = {
        step: fingerprints.fingerprint(f"steps.{kind}.{step}:make") for step, kind in STEPS.items()
    }
    for kind in kinds():
        found[kind] = fingerprints.fingerprint(f"{TRAIN}:make", f"models.{kind}:Network")
    return found


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """Fingerprints of the package as it is."""
    return prints()


def changed(before: dict[str, str]) -> set[str]:
    return {name for name, value in prints().items() if value != before[name]}


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment of the tests says, what is compiled is written."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def kept(copy: Path) -> list[Path]:
    return [*(copy / "__pycache__").glob("fingerprints-*.json")]


def test_a_process_need_not_find_again_what_another_one_found(
    before: dict[str, str], edit: Edit, copy: Path, writes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prints() == before
    (path,) = kept(copy)
    clear()

    def unasked(*roots: str) -> str:
        raise AssertionError(roots)

    with monkeypatch.context() as patch:
        patch.setattr(fingerprints, "_found", unasked)
        assert prints() == before
        # an edit of any module forgets all, and going back remembers
        edit("models/cnn", "def layers(self, ", "def layers( self, ")
        with pytest.raises(AssertionError, match="draw_grammar"):
            prints()
        edit("models/cnn", "def layers( self, ", "def layers(self, ")
        assert prints() == before
    for damage in ("{", "[1]", '{"a": 1}'):
        path.write_text(damage, encoding="utf-8")
        clear()
        assert prints() == before
    (copy / "models" / "another.py").touch()
    clear()
    assert prints() == before
    assert len(kept(copy)) == 2


def test_few_versions_are_remembered_and_none_where_nothing_is_compiled(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = "steps.products.draw_grammar:make"
    for writes in (False, True):
        monkeypatch.setattr(sys, "dont_write_bytecode", not writes)
        for number in range(35):
            (copy / "another.py").write_text(f"A = {number}\n", encoding="utf-8")
            clear()
            fingerprints.fingerprint(one)
        assert len(kept(copy)) == (32 if writes else 0)
    last = fingerprints._remembered()._path
    assert last in kept(copy)


MODELS = set(kinds())
SAMPLED = {"sample_sentences", "solve_grammar", *MODELS}


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        ("grammar/model", "# Above this many", "# Over this many", set()),
        (
            "grammar/sampling",
            '"""The first `size` sentences, a chunk at a time."""',
            '"""Some."""',
            set(),
        ),
        ("models/cnn", "def layers(self, ", "def layers( self, ", set()),
        ("models/cnn", ".relu_()", ".tanh_()", {"cnn"}),
        ("models/cnn", 'learner="cnn"', 'learner="transformer"', set()),
        ("models/transformer", "self.up, self.down)", "self.up, -self.down)", {"transformer"}),
        ("models/lcn", ".relu_()", ".tanh_()", {"lcn"}),
        ("models/layers", "tril(-1)", "tril(-2)", {"attention", "encoder", "transformer"}),
        ("training/loop", "_FIRST_EVALUATION = 8", "_FIRST_EVALUATION = 16", MODELS),
        ("training/checkpoints", "_SHARED = 10", "_SHARED = 20", MODELS),
        ("plots/style", "Agg", "agg", {"draw_figures"}),
        ("analysis/size_scaling", "_MOST_STEPS = 24", "_MOST_STEPS = 25", {"compare_sizes"}),
        ("analysis/power_law", "HUBER = 0.1", "HUBER = 0.2", {"fit_curves", "compare_sizes"}),
        ("grammar/sampling", "CHUNK = 4096", "CHUNK = 8192", SAMPLED),
        # what a step can never call
        ("grammar/json_file", "def to_json(", "_UNUSED = 1\n\n\ndef to_json(", set()),
        ("study/artifacts", "2**10", "2**11", set()),
        ("study/schema", "= 2048", "= 4096", set()),
        ("cli/jobs", "default=1", "default=2", set()),
        # what an error says
        ("core/errors", "A mistake or a fault", "A fault or a mistake", set()),
        ("steps/products/train_block", "not even one network fits", "no network fits", set()),
        ("steps/files", "delete it and run again", "remove it, then run again", set()),
    ],
)
def test_what_an_edit_touches(
    before: dict[str, str], edit: Edit, module: str, old: str, new: str, expected: set[str]
) -> None:
    edit(module, old, new)
    assert changed(before) == expected


def operators(module: str) -> list[int]:
    """Places of the arithmetic in the functions of a module that a step can reach."""
    reached = fingerprints._closure(
        {(TRAIN, place) for place in fingerprints._read(TRAIN).defined["make"]}
    )
    known = fingerprints._read(module)
    nodes = [
        node
        for name, place in reached
        if name == module
        for node in ast.walk(known.statements[place])
    ]
    said = {id(part) for node in nodes if isinstance(node, ast.Raise) for part in ast.walk(node)}
    return [
        node.lineno
        for node in nodes
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and id(node) not in said
    ]


@pytest.mark.parametrize(
    "module",
    ["training/loop", "training/optimizers", "training/batches", "models/layers", "grammar/model"],
)
def test_every_product_that_a_training_computes_counts(copy: Path, module: str) -> None:
    """Wherever a training multiplies, a sum instead is another training."""
    lines = operators(module.replace("/", "."))
    assert lines
    path = copy / f"{module}.py"
    text = path.read_text(encoding="utf-8")
    before = fingerprints.fingerprint(f"{TRAIN}:make")
    for number in set(lines):
        rows = text.split("\n")
        if rows[number - 1].count(" * ") != 1:
            continue
        rows[number - 1] = rows[number - 1].replace(" * ", " + ")
        path.write_text("\n".join(rows), encoding="utf-8")
        clear()
        assert fingerprints.fingerprint(f"{TRAIN}:make") != before, rows[number - 1]


def renamed(folder: Path, old: str, new: str) -> None:
    """Move a module, and follow it in every import of the package."""
    source = folder.joinpath(*old.split(".")).with_suffix(".py")
    target = folder.joinpath(*new.split(".")).with_suffix(".py")
    target.parent.mkdir(exist_ok=True)
    (target.parent / "__init__.py").touch()
    source.rename(target)
    stem, leaf = old.rsplit(".", 1)
    name = new.rpartition(".")[2]
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if name == leaf:
            text = re.sub(rf"from (\.|\.\.{stem}\.){leaf} import", f"from ..{new} import", text)
        else:
            text = re.sub(rf"\b{leaf}\b", name, text)
        path.write_text(text, encoding="utf-8")
    clear()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("training.optimizers", "learning.optimizers"),  # another package
        ("training.cuda_graph", "training.recorded"),  # a private helper's module
        ("theory.predicted_curves", "theory.foreseen"),
        ("core.texts", "core.words"),
    ],
)
def test_a_moved_or_renamed_module_keeps_every_identity(
    before: dict[str, str], copy: Path, old: str, new: str
) -> None:
    renamed(copy, old, new)
    assert not copy.joinpath(*old.split(".")).with_suffix(".py").exists()
    assert changed(before) == set()


def test_a_function_that_moves_keeps_every_identity(
    before: dict[str, str], edit: Edit, copy: Path
) -> None:
    path = copy / "core" / "files.py"
    text = path.read_text(encoding="utf-8")
    start = text.index("def write_text(")
    end = text.index("def write_if_changed(")
    (copy / "core" / "written.py").write_text(
        f"from pathlib import Path\n\nfrom .files import write_aside\n\n\n{text[start:end]}",
        encoding="utf-8",
    )
    edit("core/files", text[start:end], "")
    edit("core/files", '"""Files that', '"""Some.\n"""\n"""Files that')
    for module in copy.rglob("*.py"):
        known = module.read_text(encoding="utf-8")
        known = known.replace("core.files import write_text", "core.written import write_text")
        module.write_text(known, encoding="utf-8")
    clear()
    same = {"draw_grammar", "gather_runs", "aggregate_curves"}
    assert not changed(before) & same


def test_two_functions_of_one_name_and_one_text_are_told_apart(copy: Path) -> None:
    folder = copy / "pairs"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "one.py").write_text("def inner(x):\n    return x + 1\n", encoding="utf-8")
    (folder / "two.py").write_text("def inner(x):\n    return x + 2\n", encoding="utf-8")
    for name in ("one", "two"):
        text = f"from .{name} import inner\n\n\ndef outer(x):\n    return inner(x)\n"
        (folder / f"by_{name}.py").write_text(text, encoding="utf-8")
    found = {}
    for first, second in (("one", "two"), ("two", "one")):
        text = (
            f"from .by_{first} import outer\nfrom .by_{second} import outer as other\n\n\n"
            "def make(x):\n    return outer(x) - other(x)\n"
        )
        (folder / "top.py").write_text(text, encoding="utf-8")
        clear()
        found[first] = fingerprints.fingerprint("pairs.top:make")
    assert found["one"] != found["two"]


def test_functions_of_one_name_are_told_apart_by_their_modules(copy: Path) -> None:
    folder = copy / "pairs"
    folder.mkdir()
    (folder / "__init__.py").touch()

    def found(one: int, two: int, body: str) -> str:
        for name, number in (("one", one), ("two", two)):
            text = f"def inner(x):\n    return x + {number}\n"
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        text = "from . import one, two\nfrom .two import inner\n\n\ndef make(x):\n    return "
        (folder / "top.py").write_text(f"{text}{body}\n", encoding="utf-8")
        clear()
        return fingerprints.fingerprint("pairs.top:make")

    for body in ("one.inner(x) - two.inner(x)", "one.inner(x) - inner(x)"):
        assert len({found(*numbers, body) for numbers in ((1, 2), (3, 2), (1, 3), (2, 1))}) == 4


def test_another_library_under_the_same_name_counts(before: dict[str, str], edit: Edit) -> None:
    edit("training/counting", "import numpy as np", "import cupy as np")
    assert changed(before) == set()  # of no step above
    one = fingerprints.fingerprint("steps.products.count_block:make")
    edit("training/counting", "import cupy as np", "import numpy as np")
    assert fingerprints.fingerprint("steps.products.count_block:make") != one


def test_changing_back_gives_the_same_fingerprint(before: dict[str, str], edit: Edit) -> None:
    edit("models/cnn", ".relu_()", ".tanh_()")
    edit("models/cnn", ".tanh_()", ".relu_()")
    assert changed(before) == set()


def test_a_helper_imported_inside_a_function_counts(copy: Path) -> None:
    (copy / "helper.py").write_text("def helper():\n    return 1\n", encoding="utf-8")
    (copy / "caller.py").write_text(
        "def make():\n    from . import helper\n\n    return helper.helper()\n", encoding="utf-8"
    )
    clear()
    before = fingerprints.fingerprint("caller:make")
    (copy / "helper.py").write_text("def helper():\n    return 2\n", encoding="utf-8")
    clear()
    assert fingerprints.fingerprint("caller:make") != before


def test_every_python_gives_the_same_fingerprint(copy: Path) -> None:
    (copy / "sample.py").write_text(SAMPLE, encoding="utf-8")
    assert fingerprints.fingerprint("sample:f") == "c521f8685672"


def test_statements_that_share_a_line_are_taken_apart(copy: Path) -> None:
    found = []
    for rest in ("; b = made(c)", "; b = made(d)", "\nb = made(c)  # b"):
        text = f"c = 1\nd = 2\na = (\n    made(d)){rest}\n\n\ndef f():\n    return b\n"
        (copy / "sample.py").write_text(text, encoding="utf-8")
        clear()
        found.append(fingerprints.fingerprint("sample:f"))
        assert not fingerprints._closure({("sample", 2)}) & {("sample", 0)}
    assert found[0] == found[2] != found[1]


def test_an_unknown_definition_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no definition 'steps\.nothing:make'"):
        fingerprints.fingerprint("steps.nothing:make")
    with pytest.raises(ValueError, match=r"no definition 'steps\.tables\.fit_curves:nothing'"):
        fingerprints.fingerprint("steps.tables.fit_curves:nothing")
