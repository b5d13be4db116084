"""The one place that makes objects from `_target_` entries of a configuration."""

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate as hydra_instantiate

from avseg.errors import UserError

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
        if target is not None and not str(target).startswith(ALLOWED):
            raise UserError(f"_target_: {target} is not allowed; it must begin with one of {', '.join(ALLOWED)}")
        for value in node.values():
            _check_targets(value)
    elif isinstance(node, list):
        for value in node:
            _check_targets(value)
