"""Delay imports that libraries make for features which few use, until one is used.

torchmetrics imports transformers, scipy.signal and matplotlib, timm imports wandb, wherever these are installed, and
Lightning, torchvision and timm import torch's compiler: together they take longer than torch itself. While such a
library is imported, these packages are placeholders; afterwards whoever imports them gets them, and the first use of a
name that the library took from a placeholder imports the package.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

# packages that are not needed to import a library
UNNEEDED: dict[str, tuple[str, ...]] = {
    "pytorch_lightning": ("torch._dynamo",),
    "lightning_fabric": ("torch._dynamo",),
    "torchmetrics": ("transformers", "scipy.signal", "matplotlib"),
    "torchvision": ("torch._dynamo",),
    "torchvision.tv_tensors": ("torch._dynamo",),
    "timm": ("wandb", "torch._dynamo"),
}


def delay_unneeded() -> None:
    """Delay the imports in `UNNEEDED`, for libraries that are not imported yet."""
    if not any(isinstance(finder, _LibraryFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _LibraryFinder())


class _LibraryFinder(MetaPathFinder):
    """Finds the libraries as Python does, and lets them run among placeholders."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        spec = PathFinder.find_spec(fullname, path) if fullname in UNNEEDED else None
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_among_placeholders(module: ModuleType) -> None:
                with _placeholders(UNNEEDED[fullname]):
                    run(module)

            spec.loader.exec_module = run_among_placeholders  # type: ignore[method-assign]
        return spec


class _PlaceholderFinder(MetaPathFinder, Loader):
    """Makes placeholders of some packages and of everything below them."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = packages
        self.made: list[ModuleType] = []

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if not any(f"{fullname}.".startswith(f"{package}.") for package in self.packages):
            return None
        # a package that is not installed is missing as ever
        installed = path == [] or PathFinder.find_spec(fullname, path) is not None
        return ModuleSpec(fullname, self, is_package=True) if installed else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _Placeholder(spec.name)
        self.made.append(module)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: a placeholder has no content."""


@contextmanager
def _placeholders(packages: Sequence[str]) -> Iterator[None]:
    finder = _PlaceholderFinder(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for module in finder.made:
            sys.modules.pop(module.__name__, None)
            parent, _, name = module.__name__.rpartition(".")
            if parent in sys.modules and vars(sys.modules[parent]).get(name) is module:
                delattr(sys.modules[parent], name)


class _Placeholder(ModuleType):
    """Stands for a module while a library that does not need it is imported, and leads to the module afterwards."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _late(self.__name__, lambda: getattr(import_module(self.__name__), name))


def _late(module: str, compute: Callable[[], Any]) -> Any:
    """Compute a value at once, or when it is used if the module is a placeholder still."""
    return _Late(module, compute) if isinstance(sys.modules.get(module), _Placeholder) else compute()


class _Late:
    """A value of a module that is computed when it is used: called, read from, derived from, compared with.

    What is read from it or what it returns while the library is still imported (a decorator, the function that it
    decorates) is late as well.
    """

    def __init__(self, module: str, compute: Callable[[], Any]) -> None:
        self._module = module
        self._compute = compute

    @cached_property
    def _value(self) -> Any:
        return self._compute()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _late(self._module, lambda: getattr(self._value, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _late(self._module, lambda: self._value(*args, **kwargs))

    def __get__(self, instance: Any, owner: type) -> Any:
        """Bind a function of a class."""
        value = self._value
        return value.__get__(instance, owner) if hasattr(value, "__get__") else value

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._value,)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._value)

    def __or__(self, other: Any) -> Any:
        return self._value | other

    def __ror__(self, other: Any) -> Any:
        return other | self._value
