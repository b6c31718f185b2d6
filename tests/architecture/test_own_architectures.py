"""Architectures in files of the user's own: read without PyTorch, refused in a line, identified."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers.documents import own_network
from helpers.trainings import assert_equals_itself_alone
from rhm_scaling.architecture import registry
from rhm_scaling.core.errors import UserError
from rhm_scaling.core.fingerprint import PACKAGE, fingerprint
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

NETWORK = own_network()
STUDY = """
name: own
grammars: {g: {v: 6, s: 2, L: 2, m: 2}}
architectures:
  mine: {kind: ./mynet.py, width: 8}
experiments:
  e:
    task: last_token
    grammars: [g]
    architectures: [mine]
    train_sizes: [16]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "mynet.py").write_text(NETWORK, encoding="utf-8")
    path = tmp_path / "own.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def test_what_its_file_says_stands_for_what_the_study_does_not(study: Path) -> None:
    (block,) = Plan(load_study(study)).products["models"].values()
    what = block.specification
    assert what["architecture"] == {"kind": "mynet", "width": 8, "depth": 2, "heads": 1}
    assert what["settings"]["optimizer"] == "adam"
    assert "/mynet-w8-d2-lr0.001/" in block.name
    assert block.sources["architecture"] == str(study.parent / "mynet.py")


def test_reading_it_imports_no_pytorch_and_leaves_nothing(study: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rhm_scaling.study.reading import load_study\n"
        "from rhm_scaling.study.plan import Plan\n"
        "Plan(load_study(Path(sys.argv[1]))); sys.exit('torch' in sys.modules)"
    )
    before = {*study.parent.iterdir()}
    done = subprocess.run([sys.executable, "-c", code, study], env={"PYTHONPATH": PACKAGE.parent})
    assert done.returncode == 0
    assert {*study.parent.iterdir()} == before


def names(study: Path) -> set[str]:
    return set(Plan(load_study(study)).products["models"])


def edited(study: Path, folder: str, old: str, new: str) -> Path:
    """The study with an edited network, in another folder."""
    text = (study.parent / "mynet.py").read_text(encoding="utf-8")
    assert old in text
    here = study.parent / folder
    here.mkdir()
    (here / "mynet.py").write_text(text.replace(old, new), encoding="utf-8")
    (here / "own.yaml").write_text(STUDY, encoding="utf-8")
    return here / "own.yaml"


def test_its_code_and_nothing_else_is_part_of_the_identity(study: Path) -> None:
    same = [
        edited(study, "elsewhere", "Gated", "Gated"),
        edited(study, "document", "Gated perceptron", "Another text"),
        edited(study, "comment", "# PyTorch's sigmoid", "# a comment"),
        edited(study, "declared", "calls=40", "calls=50"),
    ]
    assert all(names(other) == names(study) for other in same)
    assert not names(edited(study, "code", "torch.sigmoid", "torch.tanh")) & names(study)


@pytest.mark.parametrize("kind", registry.kinds())
def test_an_architecture_that_moves_into_the_package_keeps_its_identity(
    kind: str, tmp_path: Path
) -> None:
    own = tmp_path / "mine.py"
    own.write_bytes((PACKAGE / "models" / f"{kind}.py").read_bytes())
    step = "steps.products.train_block:make"
    inside, outside = registry.network_code(kind), registry.network_code("mine", own)
    assert fingerprint(step, inside) == fingerprint(step, outside)


def test_in_the_package_it_is_one_file(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "package" / PACKAGE.name
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.move(study.parent / "mynet.py", folder / "models")
    study.write_text(STUDY.replace("./mynet.py", "mynet"), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from rhm_scaling.study.reading import load_study\n"
        "from rhm_scaling.study import reference; from rhm_scaling.study.plan import Plan\n"
        "plan = Plan(load_study(Path(sys.argv[1]))); print(*plan.products['models'])\n"
        "assert '`kind: mynet`' in reference.reference()\n"
        "assert 'Gated perceptron' in reference.json_schema()\n"
        "from rhm_scaling.models import build; from rhm_scaling.models.layers import Shape\n"
        "build('mynet', Shape(6, 2, 2, 6, 'last_token', width=8, depth=2), [0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, study],
        env={"PYTHONPATH": folder.parent},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "/mynet-w8-d2-lr0.001/" in done.stdout


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^no architecture 'rnn'; known: attention, cnn, enco"):
        registry.about("rnn")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_replica_equals_itself_alone_to_rounding(study: Path, optimizer: str) -> None:
    path = study.parent / "mynet.py"
    registry.adopt(path)
    known = registry.about("mynet", str(path))
    assert not known.bitwise
    assert_equals_itself_alone("mynet", optimizer, 14, known)


DECLARED = NETWORK[NETWORK.index("ARCHITECTURE") : NETWORK.index("class Network")]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("class Network(", "class Net(", "has no class Network; CONTRIBUTING.md shows"),
        ("ARCHITECTURE =", "Architecture_ =", "has no ARCHITECTURE; CONTRIBUTING.md shows"),
        ("def __init__(", "def __init__", r"is not valid Python \(line 29\)"),
        ("bitwise=", "bitwize=", "ARCHITECTURE: TypeError: .*keyword argument 'bitwize'"),
        ('"last_token")', '"lasttoken")', "ARCHITECTURE: tasks: .* is not of classification, last"),
        ("work=_work", "work=len", "ARCHITECTURE: TypeError: object of type 'Sizes' has no len"),
        ("work=_work", "work=str", "ARCHITECTURE: is no Architecture whose work is a Work"),
        ("n.width)] * 2,", "n.breadth)] * 2,", "ARCHITECTURE: AttributeError: 'Sizes' object has"),
        (DECLARED, "ARCHITECTURE = 1\n\n\n", "ARCHITECTURE: is no Architecture whose work is"),
        (NETWORK, "", "has no class Network"),
        (NETWORK, "\0", "is not valid Python"),
        (NETWORK, "(" * 10_000, "is not valid Python"),
    ],
)
def test_a_file_that_will_not_do_is_refused_in_a_line(
    study: Path, old: str, new: str, line: str
) -> None:
    path = study.parent / "mynet.py"
    assert old in NETWORK
    path.write_text(NETWORK.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(
        UserError, match=rf"^\S+: architectures\.mine\.kind: {path}: {line}"
    ) as error:
        load_study(study)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("./mynet.py", "./nonet.py", r"mine\.kind: \S+nonet\.py: cannot be read \(No such file"),
        ("./mynet.py", ".", r"mine: needs kind: 'attention', .*, 'FILE\.py', "),
        ("./mynet.py", "/dev/null/x.py", r"mine\.kind: /dev/null/x\.py: cannot be read"),
        ("./mynet.py", "./cnn.py", r"mine\.kind: \S+cnn\.py: this package has its own cnn; rename"),
        ("./mynet.py", "./layers.py", r"mine\.kind: \S+: this package has its own layers; rename"),
        ("./mynet.py", "./my-net.py", r"mine\.kind: \S+: names an architecture; use at most 32"),
        ("./mynet.py", "'./{my}.py'", r"mine\.kind: \S+: holds { }, which Snakemake takes for its"),
        ("width: 8", "width: 8, heads: 2", r"mine\.heads: \S+mynet\.py takes none; leave it out"),
        ("width: 8", "width: 8, base_width: 2", r"mine\.base_width: \S+ takes none; leave it out"),
        ("width: 8", "width: 8, depht: 2", r"mine\.depht: unknown key; did you mean 'depth'\?"),
        ("width: 8", "width: 0", r"mine\.width: input should be greater than or equal to 1"),
        (
            "  mine: ",
            "  other: {kind: sub/mynet.py, width: 4}\n  mine: ",
            r"mine\.kind: \S+sub/mynet\.py has the name of this file; rename one",
        ),
    ],
)
def test_a_study_that_names_it_wrongly_is_refused_in_a_line(
    study: Path, old: str, new: str, line: str
) -> None:
    (study.parent / "sub").mkdir()
    (study.parent / "sub" / "mynet.py").write_text(NETWORK, encoding="utf-8")
    assert old in STUDY
    study.write_text(STUDY.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=rf"^\S+: architectures\.{line}") as error:
        load_study(study)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["./mynet.py", "mixer"])
def test_a_task_that_it_cannot_do_is_told_in_a_line(study: Path, kind: str) -> None:
    text = STUDY.replace("last_token", "autoregressive").replace("./mynet.py", kind)
    study.write_text(text, encoding="utf-8")
    line = (
        r"^\S+: experiments\.e\.architectures: 'mine' cannot do the task autoregressive; it can do "
        r"classification and last_token$"
    )
    with pytest.raises(UserError, match=line):
        load_study(study)


def test_a_file_that_cannot_be_imported_is_told_in_a_line(study: Path) -> None:
    path = study.parent / "mynet.py"
    path.write_text(NETWORK.replace("import torch\n", "import torsch\n", 1), encoding="utf-8")
    load_study(study)  # of what it needs to be planned nothing is missing
    line = rf"^{path}: ModuleNotFoundError: No module named 'torsch'; mend it and run again$"
    with pytest.raises(UserError, match=line):
        registry.adopt(path)
    assert "rhm_scaling.models.mynet" not in sys.modules
    path.unlink()
    with pytest.raises(UserError, match=rf"^{path}: cannot be read .*; mend it and run again$"):
        registry.adopt(path)


def test_the_last_file_of_a_name_is_taken(study: Path) -> None:
    other = edited(study, "code", "torch.sigmoid", "torch.tanh").with_name("mynet.py")
    tokens, found = torch.randint(0, 6, (1, 3, 4)), []
    for path in (study.parent / "mynet.py", other):
        registry.adopt(path)
        network = build("mynet", Shape(6, 2, 2, 6, "last_token", width=8, depth=2), [0])
        found.append(network(tokens))
    assert not torch.allclose(*found)
