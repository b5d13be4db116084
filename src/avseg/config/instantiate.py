"""The one place that makes objects from `_target_` entries of a configuration."""

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object
from hydra.utils import instantiate as hydra_instantiate

from avseg.utils.errors import UserError

# a configuration may come out of a checkpoint of unknown origin: it can only name classes of these packages
ALLOWED = ("avseg.", "torch.optim.", "pytorch_lightning.")


def instantiate(config: dict[str, Any], /, **more: Any) -> Any:
    """Makes the object that `config["_target_"]` names.

    Args:
        config: `_target_` and keyword arguments.
        more: further keyword arguments, which win.

    Raises:
        UserError: the target is outside the allowed packages, or refuses an argument.
    """
    _check_targets(config)
    try:
        return hydra_instantiate(config, _convert_="all", **more)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from None
        reason = " ".join(str(cause or error).split())
        raise UserError(f"{config.get('_target_')} refuses its settings: {reason}") from error


def _check_targets(node: Any) -> None:
    if isinstance(node, dict):
        target = node.get("_target_")
        if target is not None:
            _check_target(str(target))
        for value in node.values():
            _check_targets(value)
    elif isinstance(node, list):
        for value in node:
            _check_targets(value)


def _check_target(target: str) -> None:
    if not target.startswith(ALLOWED):
        raise UserError(f"_target_: {target} is not allowed; it must begin with one of {', '.join(ALLOWED)}")
    try:
        found = get_object(target)
    except Exception as error:
        raise UserError(f"_target_: {target} does not exist") from error
    # a path may lead through a module's imports to anything (`avseg.utils.files.os`):
    # what counts is where a class was made
    if not isinstance(found, type) or not f"{found.__module__}.".startswith(ALLOWED):
        raise UserError(f"_target_: {target} is not allowed; it must be a class of one of {', '.join(ALLOWED)}")
