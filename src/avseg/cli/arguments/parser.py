"""The argument parser of the command and a helper that adds a verb to it."""

import argparse
from collections.abc import Sequence
from typing import Any, TypeAlias

from avseg.utils.errors import UserError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Parser(argparse.ArgumentParser):
    """A parser that raises its errors as `UserError` and accepts options between positional arguments."""

    _intermixing = False

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise instead of printing the usage and exiting.

        Raises:
            UserError: always.
        """
        raise UserError(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Accept `convert FILE --out X KEY=VALUE`, which argparse leaves to `parse_known_intermixed_args`."""
        has_verbs = any(action.nargs == argparse.PARSER for action in self._actions)
        if self._intermixing or has_verbs:
            return super().parse_known_args(args, namespace)
        self._intermixing = True  # argparse implements it by two calls of this method
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixing = False


def add_verb(
    commands: Commands,
    name: str,
    run: str,
    summary: str,
    description: str | None = None,
    epilog: str = "",
    formatter: type[argparse.HelpFormatter] = argparse.RawDescriptionHelpFormatter,
) -> argparse.ArgumentParser:
    """Add a verb.

    Args:
        commands: where to add it.
        name: the word on the command line.
        run: the function that runs it as "package.module:function", imported only when the verb is run; it takes the
            parsed arguments and returns an exit code, None meaning 0.
        summary: one line for the list of verbs.
        description: first paragraph of its own help; default: the summary.
        epilog: end of its own help, with examples.
        formatter: of its own help.

    Returns:
        Its parser, to which the caller adds arguments.
    """
    parser = commands.add_parser(
        name, help=summary, description=description or summary, epilog=epilog, formatter_class=formatter
    )
    parser.set_defaults(run=run)
    return parser


def take_option(command_line: Sequence[str], option: str) -> tuple[list[str], list[str]]:
    """Remove every `OPTION VALUE` and `OPTION=VALUE` from a command line.

    Returns:
        The command line without the option, and the values.

    Raises:
        UserError: a value is missing.
    """
    remaining = []
    values = []
    arguments = iter(command_line)  # shared by the loop and `next`, which consumes the value
    for argument in arguments:
        if argument.startswith(f"{option}="):
            values.append(argument.partition("=")[2])
        elif argument != option:
            remaining.append(argument)
        elif value := next(arguments, ""):
            values.append(value)
        else:
            raise UserError(f"{option}: a value is missing behind it")
    return remaining, values
