"""The code of the extending pages is that of the plugin example, and the example's own tests pass."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
EXAMPLE = TOP / "tests" / "plugin_example"
PAGES = sorted((TOP / "docs" / "extending").glob("*.md"))
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)

BLOCKS = [(page.name, name, code) for page in PAGES for name, code in BLOCK.findall(page.read_text(encoding="utf-8"))]


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
    path = os.pathsep.join([str(tmp_path / "example" / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path / "example",
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
