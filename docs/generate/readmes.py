"""Pages from files that lie beside the code: the READMEs of the models and of the published tables, the changes."""

import re
from pathlib import Path, PurePosixPath

from docs.generate.markdown import start

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def pages(top: Path) -> dict[str, str]:
    """Return the pages by path."""
    texts: dict[str, str] = {}
    for path in sorted((top / "src" / "avseg" / "models").glob("*/README.md")):
        text = _with_links(path.read_text(encoding="utf-8"), path.relative_to(top), top)
        texts[f"reference/models/{path.parent.name}.md"] = text
    texts["reference/changes.md"] = _with_links(
        (top / "CHANGELOG.md").read_text(encoding="utf-8"), Path("CHANGELOG.md"), top, folder="reference"
    )
    texts["reference/tables.md"] = start("tables") + "\n".join(_experiments(top))
    return texts


def _experiments(top: Path) -> list[str]:
    texts = []
    for readme in sorted((top / "experiments").glob("*/README.md")):
        path = readme.relative_to(top)
        text = _with_links(readme.read_text(encoding="utf-8"), path, top, folder="reference")
        # a section of the page: its title one level lower
        texts.append(re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE))
    return texts


def _with_links(text: str, source: Path, top: Path, folder: str = "reference/models") -> str:
    """Make links between files of the repository links between pages; what is no page is named instead."""

    def replace(match: re.Match[str]) -> str:
        picture, title, target, anchor = match.groups()
        if "://" in target:
            return match.group()
        path = (top / source.parent / target).resolve()
        page = _page_of(path, top)
        if page is None:
            return f"`{path.relative_to(top).as_posix()}`" if not picture else title
        link = PurePosixPath(_relative(page, folder))
        return f"{picture}[{title}]({link}{anchor or ''})"

    return _LINK.sub(replace, text)


def _page_of(path: Path, top: Path) -> str | None:
    """The page, or picture, of a file of the repository, as a path below docs/."""
    docs = top / "docs"
    if path.is_relative_to(docs) and path.is_file():
        return path.relative_to(docs).as_posix()
    models = top / "src" / "avseg" / "models"
    if path.name == "README.md" and path.parent.parent == models:
        return f"reference/models/{path.parent.name}.md"
    if path.name == "README.md" and path.parent.parent == top / "experiments":
        return "reference/tables.md"
    return None


def _relative(page: str, folder: str) -> str:
    up = "../" * len(PurePosixPath(folder).parts)
    return up + page
