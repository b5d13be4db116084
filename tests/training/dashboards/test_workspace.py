"""The workspace against the stored one, and against what a run logs."""

import json
import sys
from pathlib import Path

import pytest

from avseg.training.wandb_workspace import build_workspace, save_workspace, workspace_json
from avseg.utils.errors import UserError

# wandb-workspaces is written for both versions of pydantic
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
GOLDEN = Path(__file__).parent / "golden" / "workspace.json"


@pytest.fixture(scope="module")
def view() -> dict:
    return json.loads(workspace_json(build_workspace("avseg", "lab")))


def panels(view: dict) -> list[dict]:
    sections = view["spec"]["section"]["panelBankConfig"]["sections"]
    return [panel for section in sections for panel in section["panels"]]


def test_the_stored_workspace() -> None:
    """On purpose changed: `avseg dashboards --entity lab --out tests/dashboards/golden/workspace.json`."""
    assert workspace_json(build_workspace("avseg", "lab")) == GOLDEN.read_text()


def test_sections(view: dict) -> None:
    sections = view["spec"]["section"]["panelBankConfig"]["sections"]
    names = [section["name"] for section in sections]
    assert names[0] == "Scores"
    assert {"Training", "Controls", "Validation clips", "Test clips", "System"} < set(names)


def test_runs_are_grouped_into_cells(view: dict) -> None:
    (runs,) = view["spec"]["section"]["runSets"]
    grouping = [key["name"].removesuffix(".value") for key in runs["grouping"]]
    assert grouping == ["experiment", "data", "backbone", "fusion", "init"]


def test_filters() -> None:
    view = json.loads(workspace_json(build_workspace("avseg", experiment="table_a1", data="avsbench_s4")))
    (runs,) = view["spec"]["section"]["runSets"]
    found = {entry["key"]["name"]: entry["value"] for entry in runs["filters"]["filters"]}
    assert found == {"experiment": "table_a1", "data": "avsbench_s4"}


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("wandb_workspaces")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    with pytest.raises(UserError, match=r"pip install 'avseg\[dashboards\]'"):
        build_workspace("avseg")


def test_saving_needs_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wandb.login", lambda **_: False)
    with pytest.raises(UserError, match="wandb login"):
        save_workspace(build_workspace("avseg"))


def test_a_view_is_saved_new_or_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the request that would leave the machine."""
    sent = []

    def upsert(view: object) -> dict:
        sent.append(view)
        return {"upsertView": {"view": {"name": "nw-abc-v", "id": "id-1"}}}

    monkeypatch.setattr("wandb.login", lambda **_: True)
    monkeypatch.setattr("wandb_workspaces.workspaces.internal.upsert_view2", upsert)
    monkeypatch.setattr("wandb_workspaces.workspaces.interface.Workspace.url", "https://wandb.test/view")
    assert save_workspace(build_workspace("avseg", "lab")) == "https://wandb.test/view"
    before = build_workspace("avseg", "lab")
    before._internal_name, before._internal_id = "nw-old-v", "id-0"
    monkeypatch.setattr("wandb_workspaces.workspaces.interface.Workspace.from_url", lambda _: before)
    save_workspace(build_workspace("avseg", "lab"), "https://wandb.test/lab/avseg?nw=old")
    assert [view.id for view in sent] == ["", "id-0"]
    assert [view.entity for view in sent] == ["lab", "lab"]
