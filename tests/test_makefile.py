"""`make` on a machine without a Python that fits: one line says what to install."""
import os
import re
import shutil
import subprocess
import sys

import pytest
from support import REPOSITORY

TOOLS = ("sh", "make", "mkdir", "touch")
# This Python, with something of it changed before the code that it is to run.
PYTHON = """#!/bin/sh
[ "$1" = -V ] && echo Python {version} && exit
[ "$1" = -c ] || exec {python} "$@"
exec {python} -c "import sys; {change}
$2"
"""


def environment():
    """This process's, without what a make that runs these tests hands down."""
    return {name: value for name, value in os.environ.items()
            if name != "PYTHON" and not name.startswith(("MAKE", "MFLAGS"))}


@pytest.fixture
def make(tmp_path):
    """Runs `make demo` where only these Pythons are: make(python3="what changes it", ...)."""
    for tool in TOOLS:
        if not shutil.which(tool):
            pytest.skip(tool + " is not here")
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("Makefile", *(path.name for path in REPOSITORY.glob("requirements*.txt"))):
        shutil.copy(str(REPOSITORY / name), str(tmp_path))

    def run(*arguments, **pythons):
        for tool in TOOLS:
            (path / tool).symlink_to(shutil.which(tool))
        for name, change in pythons.items():
            python = path / name.replace("_", ".")
            python.write_text(PYTHON.format(
                python=sys.executable, change=change, version="3.7.1"))
            python.chmod(0o755)
        return subprocess.run(["make", *arguments], cwd=str(tmp_path),
                              env=dict(environment(), PATH=str(path)), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True)

    return run


def reason(done):
    """What it says before make says that it failed."""
    first, *more = done.stderr.splitlines()
    assert done.returncode == 2 and len(more) == 1 and more[0].startswith("make: ***")
    assert not done.stdout
    return first


def test_help_lists_the_commands_of_the_readme():
    said = subprocess.check_output(["make", "--no-print-directory", "help"], cwd=str(REPOSITORY),
                                   env=environment(), universal_newlines=True)
    for line in said.splitlines():
        assert re.match(r"make [a-z-]+ +\S", line), line
    commands = re.findall("^make [a-z]+", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
    assert commands and all(f"{command} " in said for command in commands)


OLD = "sys.version_info = (3, 7, 1)"
WITHOUT_VENV = "sys.modules['ensurepip'] = None"


def test_without_any_python(make):
    assert reason(make("demo")) == (
        "python3 is not here: install Python 3.8 to 3.14, or name one that is here: "
        "make PYTHON=/path/of/python3")


def test_with_one_that_is_too_old(make):
    assert reason(make("demo", python3=OLD)).startswith("python3 is Python 3.7.1: install ")


def test_with_one_that_has_no_venv(make):
    said = reason(make("demo", python3=WITHOUT_VENV))
    assert said.startswith("python3 cannot make a virtualenv: install its module venv ")
    assert "apt-get install python3-venv" in said


@pytest.mark.parametrize("python3", [OLD, WITHOUT_VENV])
def test_another_one_that_fits_is_taken(make, python3):
    done = make("--dry-run", "demo", python3=python3, python3_9="sys.version_info = (3, 9, 1)")
    assert done.returncode == 0 and "python3.9 -m venv .venv/3.9" in done.stdout


def test_the_one_that_is_named_is_taken(make):
    assert reason(make("demo", "PYTHON=python3.7", python3="", python3_7=OLD)).startswith(
        "python3.7 is Python 3.7.1")
