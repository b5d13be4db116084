"""Check values that must be one of a few names."""

from collections.abc import Iterable

from avseg.utils.errors import UserError, nearest


def check_choice(key: str, value: object, allowed: Iterable[object], where: str = "") -> None:
    """Raise `UserError` if the value of an option, argument or column is not one of the allowed ones.

    The message starts with `where`, such as a file, and lists the values in their order and the nearest one.
    """
    choices = list(allowed)
    # compare types too: True == 1, but `packed=1` is not one of auto, true, false
    if any(value == choice and isinstance(value, type(choice)) for choice in choices):
        return
    names = list(map(_spelled, choices))
    hint = nearest(_spelled(value), names)
    prefix = f"{where}: " if where else ""
    raise UserError(f"{prefix}{key} '{_spelled(value)}' is unknown; allowed: {', '.join(names)}{hint}")


def _spelled(value: object) -> str:
    # as configuration files and the command line spell them
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
