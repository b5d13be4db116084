"""Import the names of a package when they are first used, so that importing one of its light modules stays fast."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(package: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package (PEP 562) that imports its public names from its modules.

    Args:
        package: `__name__` of the package.
        modules: the public names by the module, below the package, that defines them.
    """

    def get_name(name: str) -> Any:
        for module, names in modules.items():
            if name in names:
                return getattr(import_module(f"{package}.{module}"), name)
        raise AttributeError(f"module '{package}' has no attribute '{name}'")

    return get_name
