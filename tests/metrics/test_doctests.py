import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import avseg.metrics
import avseg.models.avs
import avseg.models.lu_avs


def _modules() -> list[str]:
    packages: list[ModuleType] = [avseg.metrics, avseg.models.avs, avseg.models.lu_avs]
    return [f"{p.__name__}.{m.name}" for p in packages for m in pkgutil.iter_modules(p.__path__)]


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_every_public_name_has_an_example() -> None:
    for name in avseg.metrics.__all__:
        assert ">>>" in (getattr(avseg.metrics, name).__doc__ or ""), name
