"""Hook of mkdocs: adds the pages that are made from the code to those that are written."""

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP), str(TOP / "src")]

from docs.generate import commands, config, errors, readmes  # noqa: E402


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of all generators."""
    for path, text in generated_pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def generated_pages() -> dict[str, str]:
    """Return the text of every generated page by its path below docs/."""
    return {**commands.pages(), **config.pages(), **errors.pages(), **readmes.pages(TOP)}
