"""What a library imports without need is imported when it is used."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from avseg.utils import late_imports

LIBRARY = """
import heavy_example
from heavy_example.part import Base, make
import heavy_example.part
try:
    import missing_example
except ImportError:
    missing_example = None

class Derived:
    def make(self):
        return make(3)

wrap = heavy_example.part.Wrappers.named

class Wrapped:
    @wrap("late")
    def describe(self, value):
        return value

@wrap("early")
def describe(value):
    return value

def is_base(value):
    return isinstance(value, Base)

def derive():
    class Child(Base):
        pass
    return Child
"""

PART = """
class Base: pass

def make(x):
    return [x]

class Wrappers:
    made = 0
    def named(name):
        def decorate(function):
            Wrappers.made += 1
            return lambda *arguments: (name, function(*arguments))
        return decorate
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "heavy_example").mkdir()
    (tmp_path / "heavy_example/__init__.py").write_text("VALUE = 7\n")
    (tmp_path / "heavy_example/part.py").write_text(PART)
    (tmp_path / "library_example.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(late_imports.UNNEEDED, "library_example", ("heavy_example", "missing_example"))
    yield importlib.import_module("library_example")
    for name in ("library_example", "heavy_example", "heavy_example.part"):
        sys.modules.pop(name, None)


def loaded():
    return [name for name in sys.modules if name.startswith("heavy_example")]


def test_nothing_is_imported_with_the_library(library):
    assert loaded() == []
    assert library.missing_example is None


def test_a_call_imports_the_package(library):
    assert library.Derived().make() == [3]
    assert loaded() == ["heavy_example", "heavy_example.part"]


def test_types_work_as_types(library):
    part = importlib.import_module("heavy_example.part")
    assert library.is_base(part.Base())
    assert not library.is_base(3)
    assert issubclass(library.derive(), part.Base)
    assert int | library.Base == int | part.Base


def test_a_decorator_of_the_package_is_applied_once_when_the_function_is_used(library):
    assert library.describe(3) == ("early", 3)
    assert library.Wrapped().describe(4) == ("late", 4)
    assert library.Wrapped().describe(5) == ("late", 5)
    assert importlib.import_module("heavy_example.part").Wrappers.made == 2


def test_a_module_that_the_library_holds_leads_to_the_real_one(library):
    assert library.heavy_example.VALUE == 7
    assert library.heavy_example.part.make(1) == [1]
    with pytest.raises(AttributeError, match="nothing"):
        _ = library.heavy_example.nothing


def test_others_import_the_real_package(library):
    import heavy_example

    assert vars(heavy_example)["VALUE"] == 7


@pytest.mark.slow
def test_training_imports_no_more_than_it_needs():
    code = "import sys, avseg.draw.panel; assert 'matplotlib' not in sys.modules; "
    code += "import avseg.training.fit; assert 'timm' not in sys.modules; import avseg.api, timm, torchmetrics, scipy; "
    code += "names = ('transformers', 'scipy.signal', 'wandb', 'matplotlib', 'torch._dynamo'); "
    code += "print([name for name in names if name in sys.modules], "
    code += "'signal' in vars(scipy))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[] False", done.stderr
