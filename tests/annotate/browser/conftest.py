from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.annotate.browser.live_server import CHROMIUM, OPTIONS


# until the last browser test: the loop of playwright keeps others from calling asyncio.run
@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of 1280x720; any error in it fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.set_default_timeout(30_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"page: {error}"))
    page.on("requestfailed", lambda request: problems.append(f"{request.url}: {request.failure}"))
    page.on("request", lambda request: problems.append(request.url) if "127.0.0.1" not in request.url else None)
    # 503: a request that was cancelled by the shutdown of a server, which is sent again
    page.on(
        "response",
        lambda answer: problems.append(f"{answer.status} {answer.url}") if answer.status in (500, 501, 502) else None,
    )
    yield page
    context.close()
    # requests that the page cancelled, or that were pending when the server stopped, are not errors
    assert [line for line in problems if "net::ERR" not in line] == []


@pytest.fixture(scope="session")
def toy_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy release of LU-AVS with one video of 5 seconds: two objects, three segments."""
    from avseg.data.lu_avs.synthetic.renderer import SyntheticVideoConfig
    from avseg.data.lu_avs.synthetic.writer import write_release
    from avseg.data.synthetic.toy import ToyCast

    root = tmp_path_factory.mktemp("toy")
    write_release(root, SyntheticVideoConfig(ToyCast(), 240, (5, 6), 0.0, seed=25), {"train": 1}, {})
    return root
