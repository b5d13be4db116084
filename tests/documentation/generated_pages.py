"""The pages that are made from the code, made once per process: each takes a second."""

from functools import cache

from docs.generate import commands, config, errors, readmes

from tests.documentation.pages import DOCS, TOP


@cache
def command_pages() -> dict[str, str]:
    return commands.pages()


@cache
def config_pages() -> dict[str, str]:
    return config.pages()


@cache
def config_text() -> str:
    return "\n".join(config_pages().values())


@cache
def readme_pages() -> dict[str, str]:
    return readmes.pages(TOP)


def made_pages() -> set[str]:
    """Their paths below docs/."""
    return {*command_pages(), *config_pages(), errors.PAGE, *readme_pages()}


def made_files() -> set[object]:
    return {DOCS / path for path in made_pages()}
