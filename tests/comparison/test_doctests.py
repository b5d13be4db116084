import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["logits", "patterns", "selection"])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"avseg.comparison.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
