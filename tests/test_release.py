"""What a release states agrees with the code: version, Pythons, extras, lowest versions, licences."""

import re
import tomllib
from pathlib import Path

from avseg import __version__

TOP = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]


def names(requirements):
    """Name and first lower bound or pin of each requirement."""
    bounds = {}
    for requirement in requirements:
        name, bound = re.fullmatch(r"([\w.-]+)(?:\[.*\])?(?:[>=]=([\d.]+))?.*", requirement).groups()
        bounds[name.lower().replace("_", "-")] = bound
    return bounds


def test_the_version_is_in_one_place():
    assert PROJECT["dynamic"] == ["version"]
    assert re.search(r"^version: (.+)$", (TOP / "CITATION.cff").read_text(), re.MULTILINE)[1] == __version__


def test_the_classifiers_name_the_pythons_that_are_allowed():
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    stated = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: Python :: 3." in line}
    assert stated == {"3.11", "3.12", "3.13"}


def test_every_extra_is_documented():
    page = (TOP / "docs/reference/install.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(PROJECT["optional-dependencies"])


def test_the_lock_of_minimum_versions_holds_the_lower_bounds():
    lock = dict(re.findall(r"^([\w.-]+)==([^\s]+)", (TOP / "requirements-minimum.lock").read_text(), re.MULTILINE))
    lower = names(PROJECT["dependencies"])
    assert set(lower) <= set(lock)
    for name, bound in lower.items():
        # 1.26 is 1.26.0; without a file of that version for Python 3.11 a later one of the same series
        assert f"{lock[name]}.".startswith(f"{bound}."), (name, bound, lock[name])
    assert "://" not in (TOP / "requirements-minimum.lock").read_text()  # no address of an index


def test_every_dependency_has_a_licence_on_the_page():
    page = (TOP / "docs/reference/licences.md").read_text()
    listed = {
        line.split("|")[1].strip().lower().replace("_", "-") for line in page.splitlines() if line.startswith("| ")
    }
    assert set(names(PROJECT["dependencies"])) <= listed
