"""Find the classes that a configuration names, in avseg and its plugins alone, and make objects of them."""

import importlib
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from avseg.config.plugins import plugins
from avseg.config.schema import ComponentConfig, Plain
from avseg.config.typed import build
from avseg.utils.errors import UserError

C = TypeVar("C", bound=ComponentConfig)

# packages whose classes optimizers, callbacks and Lightning plugins may be
LIBRARIES = ("torch.optim", "pytorch_lightning", "timm.optim")


def load_component(base: type[C], values: Mapping[str, Plain], group: str) -> C:
    """Make the dataclass, derived from `base`, that an option of an open group (`model`, `data`, `audio`) names."""
    fields = dict(values)
    fields.pop("_target_", None)
    config = build(component_class(base, values, group), fields, group)
    config.check()
    return config


def component_class(base: type[C], values: Mapping[str, Plain], group: str) -> type[C]:
    """Find the dataclass that an option of an open group names, in avseg or an installed plugin."""
    target = values.get("_target_")
    if not target:
        raise UserError(f"{group}: the option has no _target_; name the dataclass of its options there")
    cls = find_class(str(target), f"{group}._target_")
    if not issubclass(cls, base) or cls is base:
        raise UserError(f"{group}._target_={target} is not allowed; it must be a subclass of {base.__name__}")
    return cast("type[C]", cls)


def built_class(config: ComponentConfig) -> Any:
    """Find the class that reads a component's options."""
    return find_class(config.builds.replace(":", "."), f"{type(config).__name__}.builds")


def find_class(path: str, key: str, libraries: tuple[str, ...] = ()) -> Any:
    """Find a class by its dotted path.

    A configuration may come out of a checkpoint of unknown origin: it can only name classes that were written in avseg,
    in an installed plugin, or in one of `libraries`.

    Raises:
        UserError: it is outside of these packages, or does not exist.
    """
    allowed = ("avseg", *(plugin.package for plugin in plugins()), *libraries)
    if not _inside(path, allowed):
        raise UserError(
            f"{key}={path} is not allowed: it is not part of {', '.join(allowed)}; "
            "install the plugin that has it, or name it with --plugin FOLDER_OR_MODULE"
        )
    module_name, _, name = path.rpartition(".")
    try:
        value = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        missing = getattr(error, "name", None) in (None, module_name) or not isinstance(error, ImportError)
        reason = "does not exist" if missing else "exists, but an import in its module fails"
        raise UserError(f"{key}={path} {reason} ({error})") from error
    except SyntaxError as error:
        raise UserError(f"{key}={path}: {error.filename}, line {error.lineno}: {error.msg}") from error
    # a path may lead through a module's imports to anything: the module that defines the class counts
    if not isinstance(value, type) or not _inside(value.__module__, allowed):
        raise UserError(f"{key}={path} is not allowed; it must be a class of one of {', '.join(allowed)}")
    return value


def make(target: str, options: Mapping[str, Any], key: str, **arguments: Any) -> Any:
    """Make an object of a library class; raises `UserError` if it is not allowed or refuses an option."""
    cls = find_class(target, f"{key}._target_", LIBRARIES)
    try:
        return cls(**options, **arguments)
    except UserError:
        raise
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{key}: {target} cannot be made with these options ({reason})") from error


def _inside(path: str, packages: tuple[str, ...]) -> bool:
    return any(f"{path}.".startswith(f"{package}.") for package in packages)
