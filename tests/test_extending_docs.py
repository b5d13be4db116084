"""The code of the extending pages is that of the plugin example, and the example's own tests pass."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.fresh_process import FreshProcess

TOP = Path(__file__).resolve().parents[1]
EXAMPLE = TOP / "tests" / "plugin_example"
PAGES = sorted((TOP / "docs" / "extending").glob("*.md"))
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)

FILES = ("src/", "tests/", "pyproject.toml")
BLOCKS = [
    (page.name, name, code)
    for page in PAGES
    for name, code in BLOCK.findall(page.read_text(encoding="utf-8"))
    if name.startswith(FILES)
]


def test_the_four_pages_exist() -> None:
    assert {page.stem for page in PAGES} == {"audio_frontend", "dataset", "metric", "model"}


@pytest.mark.parametrize(("page", "name", "code"), BLOCKS, ids=[f"{page}-{name}" for page, name, _ in BLOCKS])
def test_a_block_equals_its_file(page: str, name: str, code: str) -> None:
    """A block is a whole file, or a passage of config.py, which holds the options of all four."""
    content = (EXAMPLE / name).read_text(encoding="utf-8")
    message = f"docs/extending/{page} differs from tests/plugin_example/{name}; copy the file into the page"
    if name.endswith("config.py"):
        assert code in content, message
    else:
        assert code == content, message


def test_every_file_of_the_example_that_avseg_reads_is_in_a_page() -> None:
    named = {name for _, name, _ in BLOCKS}
    package = EXAMPLE / "src" / "avseg_example"
    files = [*package.glob("*.py"), *package.glob("conf/*/*.yaml")]
    missing = {path.relative_to(EXAMPLE).as_posix() for path in files} - named
    assert missing <= {"src/avseg_example/generate.py"}


def test_the_tests_of_the_example_pass(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__"))
    done = FreshProcess(pytest_of, tmp_path / "example", cwd=tmp_path / "example").end()
    assert done.code == 0, done.out + done.err
    assert "5 passed" in done.out


def pytest_of(example: Path) -> int:
    """Run the example's tests, as its developer does: its package on the path, and none of avseg's tests."""
    sys.path[:] = [str(example / "src"), *(path for path in sys.path if path != str(TOP))]
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    return int(pytest.main(["-q", "-p", "no:cacheprovider", "tests"]))
