"""The configuration of a training command."""

from typing import Any

from avseg.config.compose import compose


def training_config(overrides: list[str]) -> dict[str, Any]:
    """Composes the configuration of `avseg train OVERRIDE...`.

    Args:
        overrides: Hydra overrides.

    Raises:
        UserError: see `avseg.config.compose.compose`.
    """
    return compose("train", overrides)
