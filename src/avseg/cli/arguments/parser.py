"""The argument parser of the command and a helper that adds a verb to it."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from avseg.utils.errors import UserError, nearest
from avseg.utils.files import is_present

Commands: TypeAlias = "argparse._SubParsersAction[Any]"  # of any class of parsers


class Parser(argparse.ArgumentParser):
    """A parser that raises its errors as `UserError` and accepts options between positional arguments."""

    _intermixing = False  # True while argparse calls back
    _words: Sequence[str] = ()  # the command line

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise a `UserError` instead of printing the usage and exiting."""
        for word in self._words:
            if word.startswith("-") and is_present(word):
                raise UserError(f"{message}; the file {word} is written ./{word}")
        verb = self._verb()
        unknown = list(filter(verb._is_unknown_option, self._words))
        if unknown:
            message = verb._explain_unknown(unknown[0])
        raise UserError(f"{message}; `{verb.prog} --help` lists what is allowed")

    def _verb(self) -> "Parser":
        """Return the parser of the verb, or verb and subverb, that the command line names."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for word in self._words:
                    if word in action.choices:
                        verb: Parser = action.choices[word]
                        verb._words = self._words
                        return verb._verb()
        return self

    def _is_unknown_option(self, word: str) -> bool:
        name = word.partition("=")[0]
        return name.startswith("--") and name != "--" and not any(map(_starts_with(name), self._option_string_actions))

    def _explain_unknown(self, word: str) -> str:
        name, _, value = word.partition("=")
        hint = nearest(name, self._option_string_actions)
        takes_settings = any(action.metavar == "KEY=VALUE" and not action.option_strings for action in self._actions)
        if takes_settings and not hint:
            hint = f"; settings are written without dashes, {name.strip('-')}={value or 'VALUE'}"
        return f"{name}: {self.prog} has no such option{hint}"

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Accept `convert FILE --out X KEY=VALUE`, which argparse leaves to `parse_known_intermixed_args`."""
        has_verbs = any(action.nargs == argparse.PARSER for action in self._actions)
        if not self._intermixing:
            self._words = list(args or ())
        # argparse loses the "--" before file names with a leading "-" when it accepts options between others
        if self._intermixing or has_verbs or "--" in self._words:
            return super().parse_known_args(args, namespace)
        self._intermixing = True  # argparse implements it by two calls of this method
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixing = False


def _starts_with(prefix: str) -> Callable[[str], bool]:
    return lambda option: option.startswith(prefix)


def add_verb(
    commands: Commands,
    name: str,
    summary: str,
    description: str = "",
    epilog: str = "",
    run: str = "",
    formatter: type[argparse.HelpFormatter] = argparse.RawDescriptionHelpFormatter,
) -> argparse.ArgumentParser:
    """Add a verb, and return its parser for further arguments.

    `run` is the function "package.module:function" that runs it, by default that of `avseg.cli.NAME`. It is imported
    only when the verb is run; it takes the parsed arguments and returns an exit code, None meaning 0.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description or summary, epilog=epilog, formatter_class=formatter
    )
    parser.set_defaults(run=run or f"avseg.cli.{name}:run")
    return parser


def take_option(command_line: Sequence[str], option: str) -> tuple[list[str], list[str]]:
    """Remove every `OPTION VALUE` and `OPTION=VALUE` from a command line; return the others and the values.

    A missing value is a `UserError`.
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
