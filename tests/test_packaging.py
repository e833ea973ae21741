"""What the package carries, and the versions it is tested with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
LINES = (HERE / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in LINES if line[0] != "#"}
DIRECT = [
    Requirement(line)
    for line in (
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["test"],
    )
]


def test_the_package_is_typed() -> None:
    assert files("feeds").joinpath("py.typed").is_file()


def test_each_constraint_is_one_version() -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9-]+==[0-9][0-9a-z.]*", line) for line in LINES if line[0] != "#")


def test_the_constraints_name_every_requirement_in_its_range() -> None:
    for required in DIRECT:
        assert PINS.get(canonicalize_name(required.name), "") in required.specifier, required


def test_the_constraints_name_what_the_requirements_require() -> None:
    """As far as the versions that are installed here are those of the constraints."""
    names = [canonicalize_name(required.name) for required in DIRECT]
    for name in names:  # it grows
        assert name in PINS
        below = [Requirement(line) for line in _requires(name)]
        plain = [each.name for each in below if not each.marker or each.marker.evaluate({"extra": ""})]
        names += {canonicalize_name(each) for each in plain}.difference(names)


def _requires(name: str) -> list[str]:
    try:
        installed = distribution(name)
    except PackageNotFoundError:  # what builds the wheel need not be here
        return []
    return installed.requires or [] if installed.version == PINS[name] else []


MOST_DISTRIBUTIONS = 62  # with the program itself; 72 is the goal of the design


def test_an_installation_stays_small() -> None:
    """One more is a decision: it is raised here, with the reason in the commit."""
    names = [canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]]
    for name in names:  # it grows
        below = (Requirement(line) for line in distribution(name).requires or [])
        needed = {
            canonicalize_name(each.name) for each in below if not each.marker or each.marker.evaluate({"extra": ""})
        }
        names += sorted(needed.difference(names))
    assert len(names) + 1 <= MOST_DISTRIBUTIONS, sorted(names)


TOOLS = ("sh", "dirname", "cat", "find", "sort", "cksum", "mkdir", "rm")


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        ("*", "Python 3.11 or newer is needed (python3 here: none); install it"),
        ("*'3, 11'*|*pip*", "Python 3.11 or newer is needed (python3 here: 3."),
        ("*pip*", "python3 has no venv module; install it (Debian, Ubuntu: python3."),
    ],
    ids=["no Python", "old Python", "no ensurepip"],
)
def test_the_first_command_says_what_is_missing(tmp_path: Path, lacking: str, sentence: str) -> None:
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    (tmp_path / "python3").write_text(
        f'#!/bin/sh\ncase "$*" in {lacking}) exit 1 ;; esac\nexec {sys.executable} "$@"\n', encoding="ascii"
    )
    (tmp_path / "python3").chmod(0o755)
    environment = {"PATH": str(tmp_path), "FEEDS_PYTHON": "python3", "FEEDS_VENV": str(tmp_path / "venv")}
    command = ["sh", str(HERE.parent / "config/feeds.sh"), "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("feeds: ") and sentence in done.stderr


def test_the_first_command_installs_only_what_changed(tmp_path: Path) -> None:
    """With a Python that notes what pip is asked for and installs nothing."""
    checkout, log = tmp_path / "a checkout", tmp_path / "log"
    for folder in ("feeds", "config"):
        shutil.copytree(HERE.parent / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "tests/constraints.txt"):
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(HERE.parent / name, checkout / name)
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, script in (
        ("python", f'[ "$1 $2" != "-m pip" ] || exec echo "$@" >>"{log}"\nexec "{sys.executable}" "$@"'),
        ("feeds", 'echo "feeds $*"'),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (programs / name).chmod(0o755)

    def installs() -> bool:
        log.write_text("")
        command = ["sh", str(checkout / "config/feeds.sh"), "a b"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FEEDS_")}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert done.stdout == "feeds a b\n"
        return "--force-reinstall" in log.read_text()

    assert installs()
    assert "--constraint tests/constraints.txt" in log.read_text()
    assert not installs()
    (checkout / "config/feeds.yaml").write_text("edited")
    assert not installs()
    for name in ("feeds/model.py", "feeds/new.py", "pyproject.toml", "tests/constraints.txt"):
        with (checkout / name).open("a") as file:
            file.write("# edited\n")
        assert installs()
    (checkout / "feeds/new.py").unlink()
    assert installs()
    checkout = checkout.rename(tmp_path / "moved")
    assert installs()
    assert not installs()
