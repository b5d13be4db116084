"""Reference of the commands, from the parser: a page for each verb with its arguments and its help text."""

import argparse
from collections.abc import Iterator

from docs.generate.markdown import code_block, plain, start, table

from avseg.cli.main import build_parser

FOLDER = "reference/commands"


def pages() -> dict[str, str]:
    """Return the pages by path."""
    verbs = subparsers(build_parser())
    rows = []
    texts: dict[str, str] = {}
    for name, (parser, summary) in verbs.items():
        rows.append((f"[`{name}`]({name}.md)", plain(summary)))
        texts[f"{FOLDER}/{name}.md"] = _page(name, parser)
    texts[f"{FOLDER}/index.md"] = start("commands") + table(("verb", "what it does"), rows) + "\n" + start("exit_codes")
    return texts


def subparsers(parser: argparse.ArgumentParser) -> dict[str, tuple[argparse.ArgumentParser, str]]:
    """Return the parsers of the verbs below a parser, each with its summary, in the order of the help."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
            return {name: (action.choices[name], summaries.get(name, "")) for name in summaries}
    return {}


def _page(name: str, parser: argparse.ArgumentParser) -> str:
    text = f"# avseg {name}\n\n" + _arguments(parser)
    for subverb, (below, _) in subparsers(parser).items():
        text += f"\n## avseg {name} {subverb}\n\n" + _arguments(below)
    return text


def _arguments(parser: argparse.ArgumentParser) -> str:
    description = plain(parser.description or "").rstrip(".")
    text = description[:1].upper() + description[1:] + ".\n\n"
    rows = list(_rows(parser))
    if rows:
        text += table(("argument", "meaning"), rows) + "\n"
    # the epilog of some verbs is completed by their formatter
    epilog = _epilog(parser)
    return text + (code_block(epilog, "text") if epilog else "")


def _rows(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        text = plain((action.help or "") % vars(action) if "%(" in (action.help or "") else action.help or "")
        if action.choices and not isinstance(action, argparse._SubParsersAction):
            text += f" ({', '.join(map(str, action.choices))})"
        yield f"`{_signature(action)}`", text.strip()


def _signature(action: argparse.Action) -> str:
    """The spelling of an argument, such as "--out DIR" or "VIDEO ..."."""
    values = "" if action.nargs == 0 else _values(action)
    if not action.option_strings:
        return values
    return ", ".join(action.option_strings) + (f" {values}" if values else "")


def _values(action: argparse.Action) -> str:
    name: str | tuple[str, ...] = action.metavar or action.dest.upper()
    if isinstance(name, tuple):
        return " ".join(name)
    if action.nargs == "?":
        return f"[{name}]"
    if action.nargs == "*":
        return f"[{name} ...]"
    if action.nargs == "+":
        return f"{name} ..."
    return " ".join([name] * action.nargs) if isinstance(action.nargs, int) else name


def _epilog(parser: argparse.ArgumentParser) -> str:
    if not parser.epilog:
        return ""
    formatter = parser._get_formatter()
    formatter.add_text(parser.epilog)
    return formatter.format_help().strip("\n")
