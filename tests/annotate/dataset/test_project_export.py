"""A folder of videos becomes one data set that the data modules and pycocotools read."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml
from pycocotools.coco import COCO

from avseg.annotate.dataset.classes import LabelClass, add_classes, load_classes, preset_classes, save_classes
from avseg.annotate.dataset.project_export import check_project, export_project
from avseg.annotate.dataset.splits import assign_splits, change_splits, load_splits, save_splits
from avseg.annotate.document.rle import encode
from avseg.annotate.importing import import_
from avseg.annotate.project import Project
from avseg.data.avsbench.avss import class_names
from avseg.data.avsbench.layout import layout_for
from avseg.data.check.inspect import inspect_set
from avseg.data.check.published import CUSTOM
from avseg.data.lu_avs import LUAVSConfig, LUAVSDataModule, read_release
from tests.annotate.document_helpers import refusal
from tests.data.modules import avsbench_module
from tests.media.make_video import make_video

SIZE = (48, 64)
NAMES = [f"clip{number}.mp4" for number in range(6)]
LABELS = ["dog barking", "man speaking", "zither"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds at 5 frames per second, and one video that is too short for AVSBench."""
    folder = tmp_path_factory.mktemp("videos")
    make_video(folder / "long.mp4", frames=26, rate=5, size=SIZE)
    make_video(folder / "short.mp4", frames=10, rate=5, size=SIZE)
    return folder


@pytest.fixture
def folder(videos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in NAMES:
        shutil.copy(videos / ("short.mp4" if name == "clip5.mp4" else "long.mp4"), folder / name)
    return folder


def square(left: int) -> dict[str, object]:
    mask = np.zeros(SIZE, bool)
    mask[10:30, left : left + 20] = True
    return encode(mask)  # type: ignore[return-value]


def annotate(project: Project, name: str, labels: list[str], end: int = 8) -> None:
    document = project.open(name)
    with document.transaction():
        for number, label in enumerate(labels, 1):
            document.do({"op": "add_object", "label": label})
            document.do({"op": "add_segment", "object": number, "start": 0, "end": end})
            for frame in range(end):
                op = {"op": "set_mask", "object": number, "frame": frame, "mask": square(20 * number - 20)}
                document.do({**op, "source": "brush"})


def annotate_all(project: Project) -> None:
    for index, name in enumerate(NAMES):
        annotate(project, name, [LABELS[index % 3], *(LABELS[:1] if index % 3 else [])])


def test_one_release_of_lu_avs_with_splits(folder: Path, tmp_path: Path) -> None:
    with Project(folder) as project:
        annotate_all(project)
        result = export_project(project, "lu_avs", tmp_path / "out")
        again = export_project(project, "lu_avs", tmp_path / "out", overwrite=True)
    assert result.videos == again.videos
    assert {split: len(names) for split, names in result.videos.items()} == {"train": 4, "val": 1, "test": 1}
    release = read_release(tmp_path / "out")
    assert sorted(release.videos) == [Path(name).stem for name in NAMES]
    assert release.labels == LABELS  # in the order of the class list
    for split, count in (("train", 4), ("val", 1), ("test", 1)):
        data = LUAVSDataModule(LUAVSConfig(root=str(tmp_path / "out"), image_size=32, num_workers=0), "mask")
        assert len(data.videos(split)) == count


def test_one_set_of_avsbench(folder: Path, tmp_path: Path) -> None:
    with Project(folder) as project:
        annotate_all(project)
        result = export_project(project, "avsbench", tmp_path / "ms3")
        export_project(project, "avsbench", tmp_path / "avss", setting="avss")
    assert list(result.left_out) == ["clip5.mp4"]
    assert "needs 5" in result.left_out["clip5.mp4"]
    entries = layout_for("ms3", tmp_path / "ms3").read_index()
    assert sorted({entry.split for entry in entries}) == ["test", "train", "val"]
    data = avsbench_module(tmp_path / "avss", "avss", batch_size=1, controls=False)
    data.setup("test")
    assert class_names(layout_for("avss", tmp_path / "avss")) == ("background", *LABELS)
    clip = next(iter(data.test_dataloader()))
    used = set(np.unique(clip.masks.numpy()))
    assert used <= {0, 1, 2, 3}
    assert len(used) > 1


@pytest.mark.parametrize(
    ("format", "setting", "clips"), [("lu_avs", "lu_avs", 6), ("avsbench", "ms3", 12), ("avsbench", "avss", 12)]
)
def test_the_check_of_data_sets_finds_nothing(tmp_path: Path, format: str, setting: str, clips: int) -> None:
    """The same as `avseg data check OUT --own`, which also compares the videos of the splits with each other."""
    folder = tmp_path / "films"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        make_video(folder / name, frames=26, rate=5, size=SIZE, first=40 * number)
    options = {} if format == "lu_avs" else {"setting": setting}
    with Project(folder) as project:
        for index, name in enumerate(NAMES):
            annotate(project, name, [LABELS[index % 3], *(LABELS[:1] if index % 3 else [])], 26)
        out = export_project(project, format, tmp_path / "out", **options).path  # type: ignore[arg-type]
    report = inspect_set(out, setting, CUSTOM, jobs=1)
    assert [str(finding) for finding in report.findings] == []
    assert sum(report.counts.values()) == clips
    if format == "avsbench":
        data = avsbench_module(out, setting, batch_size=1, controls=False)
        for stage, loader, count in (("fit", "train_dataloader", 8), ("test", "test_dataloader", 2)):
            data.setup(stage)
            assert len(getattr(data, loader)()) == count


def test_one_coco_file_per_split_with_stable_ids(folder: Path, tmp_path: Path) -> None:
    save_classes(folder, [LabelClass("zither", "#102030"), LabelClass("cat", "#405060")])
    with Project(folder) as project:
        annotate_all(project)
        export_project(project, "coco", tmp_path / "out", pictures=True)
    files = {split: COCO(str(tmp_path / "out" / f"instances_{split}.json")) for split in ("train", "val", "test")}
    expected = [(1, "zither"), (2, "cat"), (3, "dog barking"), (4, "man speaking")]
    for coco in files.values():
        assert [(item["id"], item["name"]) for item in coco.loadCats(coco.getCatIds())] == expected
    train = files["train"]
    assert len(train.imgs) == len({image["file_name"] for image in train.imgs.values()})
    for annotation in train.anns.values():
        image = train.imgs[annotation["image_id"]]
        assert train.annToMask(annotation).shape == SIZE
        assert image["frame"] < 8
    assert len(train.anns) == sum(8 * count for count in _objects_of(load_splits(folder), "train"))
    first = next(iter(train.imgs.values()))
    assert (tmp_path / "out" / first["file_name"]).is_file()
    tracks = json.loads((tmp_path / "out" / "youtube_vis_train.json").read_text())
    assert len({track["id"] for track in tracks["annotations"]}) == len(tracks["annotations"])
    assert {track["video_id"] for track in tracks["annotations"]} == {video["id"] for video in tracks["videos"]}


def _objects_of(splits: dict[str, str], split: str) -> list[int]:
    return [2 if NAMES.index(name) % 3 else 1 for name in splits if splits[name] == split]


def test_what_is_missing_or_stale_is_named_before(folder: Path) -> None:
    with Project(folder) as project:
        annotate(project, "clip0.mp4", LABELS[:1])
        document = project.open("clip1.mp4")
        document.do({"op": "add_object", "label": "cat"})
        document.do({"op": "add_segment", "object": 1, "start": 0, "end": 10})
        document.do({"op": "set_mask", "object": 1, "frame": 0, "mask": square(0), "source": "brush"})
        rows = [{"object": 1, "frame": frame, "mask": square(1), "source": "propagated"} for frame in (1, 2)]
        document.do({"op": "set_results", "segment": 1, "results": rows})
        document.do({"op": "set_mask", "object": 1, "frame": 0, "mask": square(2), "source": "brush"})
        project.open("clip2.mp4").do({"op": "set_status", "status": "skipped"})
        remarks = {check.name: check.remark for check in check_project(project, "coco")}
    assert remarks["clip0.mp4"] == ""
    assert remarks["clip1.mp4"] == "7 of 10 frames have no mask yet, 2 masks are stale"
    assert "skipped" in remarks["clip2.mp4"]
    assert "no audible segment" in remarks["clip3.mp4"]


def test_ids_of_classes_and_splits_never_change(folder: Path) -> None:
    first = assign_splits(folder, NAMES[:3])
    assert assign_splits(folder, ["a_new_one.mp4", *NAMES])[NAMES[0]] == first[NAMES[0]]
    assert {name: load_splits(folder)[name] for name in NAMES[:3]} == first
    add_classes(folder, ["zither", "cat"])
    add_classes(folder, ["ant"])
    assert [item.name for item in load_classes(folder)] == ["cat", "zither", "ant"]
    assert len(preset_classes("lu_avs")) == len({item.name for item in preset_classes("lu_avs")}) == 88
    assert len(preset_classes("avsbench")) == 70
    (folder / "classes.yaml").write_text(yaml.safe_dump(["dog", {"name": "cat", "colour": "#00ff00"}]))
    assert [(item.name, item.colour) for item in load_classes(folder)][1] == ("cat", "#00ff00")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("classes.yaml", "dog", "must be a list"),
        ("classes.yaml", "- dog\n- dog", "listed twice"),
        ("classes.yaml", "- {name: dog, colour: red}", "give one like"),
        ("classes.yaml", "- [1]", "must be a name"),
        ("classes.yaml", "- {a: b", "cannot be read"),
        ("splits.yaml", "clip0.mp4: trian", "did you mean 'train'"),
        ("splits.yaml", "- train", "must be a mapping"),
    ],
)
def test_a_wrong_file_is_reported_in_one_line(
    folder: Path, tmp_path: Path, file: str, content: str, message: str
) -> None:
    (folder / file).write_text(content)
    with Project(folder) as project:
        annotate(project, "clip0.mp4", LABELS[:1])
        assert message in str(refusal(lambda: export_project(project, "lu_avs", tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_a_second_import_adds_nothing(folder: Path, tmp_path: Path) -> None:
    with Project(folder) as project:
        annotate(project, "clip0.mp4", LABELS)
        out = export_project(project, "lu_avs", tmp_path / "out").path
        document, reader = project.open("clip1.mp4"), project.video("clip1.mp4")
        text = (out / "seg_train.json").read_text().replace("clip0", "clip1").replace('"train"', '"test"')
        (out / "seg_test.json").write_text(text)
        for path in list((out / "annotations").iterdir()):
            shutil.copytree(path, path.with_name(path.name.replace("clip0", "clip1")))
        shutil.copy(out / "videos" / "clip0.mp4", out / "videos" / "clip1.mp4")
        first = import_(document, reader, "lu_avs", out)
        assert (first.objects, first.segments, first.masks) == (3, 3, 24)
        document.do({"op": "edit_segment", "segment": 1, "start": 1})  # the annotator goes on
        document.do({"op": "set_mask", "object": 2, "frame": 3, "mask": square(30), "source": "brush"})
        version = document.version
        second = import_(document, reader, "lu_avs", out)
        assert (second.objects, second.segments, second.masks) == (0, 0, 0)
        assert document.version == version


def test_a_renamed_video_is_recognised_by_its_content(folder: Path, videos: Path) -> None:
    with Project(folder) as project:
        annotate(project, "clip5.mp4", LABELS[:1])
    (folder / "clip5.mp4").rename(folder / "renamed.mov")
    shutil.copy(videos / "long.mp4", folder / "unrelated.mp4")
    with Project(folder) as project:
        entries = {entry.name: entry for entry in project.videos()}
        assert (entries["renamed.mov"].objects, entries["unrelated.mp4"].objects) == (1, 0)
        assert len(project.open("renamed.mov").segments) == 1
        assert not (folder / ".avseg" / "clip5.mp4").exists()
        (folder / "renamed.mov").rename(folder / "held.mp4")  # while it is open here
        assert "held.mp4" in {entry.name for entry in project.videos()}
        assert (folder / ".avseg" / "renamed.mov").exists()


def test_an_open_video_does_not_get_the_annotation_of_a_removed_copy(folder: Path) -> None:
    with Project(folder) as project:
        annotate(project, "clip5.mp4", LABELS[:1])
    shutil.copy(folder / "clip5.mp4", folder / "copy.mp4")
    with Project(folder) as project:
        document = project.open("copy.mp4")
        (folder / "clip5.mp4").unlink()
        assert "copy.mp4" in [entry.name for entry in project.videos()]
        document.do({"op": "add_object", "label": LABELS[1]})
    with Project(folder) as project:
        assert [item.label for item in project.open("copy.mp4").objects.values()] == [LABELS[1]]
        assert (folder / ".avseg/clip5.mp4/journal.jsonl").exists()


def test_the_split_follows_a_video_that_is_renamed_between_sessions(folder: Path) -> None:
    with Project(folder) as project:
        annotate(project, "clip5.mp4", LABELS[:1])
    save_splits(folder, dict.fromkeys(NAMES, "train") | {"clip5.mp4": "test", "x" * 300: "val"})
    (folder / "clip5.mp4").rename(folder / "renamed.mov")
    with Project(folder):
        assert load_splits(folder)["renamed.mov"] == "test"
    assert "clip5.mp4" not in load_splits(folder)
    (folder / "renamed.mov").rename(folder / "again.mov")
    with Project(folder) as project:
        assert assign_splits(folder, project.names())["again.mov"] == "test"


@pytest.mark.parametrize("annotator", [None, "ann"])
def test_the_split_follows_a_video_that_is_renamed_while_it_is_open(folder: Path, annotator: str | None) -> None:
    save_splits(folder, dict.fromkeys(NAMES, "train") | {"clip5.mp4": "val"})
    with Project(folder, annotator=annotator) as project:
        annotate(project, "clip5.mp4", LABELS[:1])
        (folder / "clip5.mp4").rename(folder / "renamed.mov")
        assert assign_splits(folder, project.names())["renamed.mov"] == "val"  # the board
    assert load_splits(folder) == dict.fromkeys(NAMES[:5], "train") | {"renamed.mov": "val"}
    with Project(folder, annotator=annotator) as project:
        assert assign_splits(folder, project.names())["renamed.mov"] == "val"
        assert len(project.open("renamed.mov").segments) == 1


def test_the_split_follows_a_video_that_nobody_has_opened_yet_and_not_a_copy(folder: Path, videos: Path) -> None:
    assign_splits(folder, NAMES)
    change_splits(folder, {"clip3.mp4": "test"})
    (folder / "clip3.mp4").rename(folder / "a.mp4")
    shutil.copy(videos / "long.mp4", folder / "b.mp4")
    splits = assign_splits(folder, Project(folder).names())
    assert splits["a.mp4"] == "test"
    assert len(load_splits(folder)) == len(NAMES) + 1
    save_splits(folder, {name: split for name, split in splits.items() if name != "b.mp4"} | {"a.mp4": "val"})
    shutil.copy(folder / "a.mp4", folder / "copy.mp4")
    assign_splits(folder, Project(folder).names())
    assert load_splits(folder)["a.mp4"] == "val"
    assert len(load_splits(folder)) == len(NAMES) + 2


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError])
def test_a_video_that_cannot_be_read_has_a_split(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("clip5.mp4")

    monkeypatch.setattr("avseg.annotate.media.identity.ends_digest", fail)
    assert list(assign_splits(folder, NAMES)) == NAMES
    assert list(load_splits(folder)) == NAMES


def test_a_video_that_is_opened_while_its_content_is_recorded_has_a_split(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # opening it creates its folder
    monkeypatch.setattr("avseg.annotate.dataset.splits.refuse_links", lambda home: home.mkdir(parents=True))
    assert list(assign_splits(folder, NAMES)) == NAMES


def test_splits_that_are_changed_at_the_same_time_are_all_kept(tmp_path):
    names = [f"film{number}.mp4" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: change_splits(tmp_path, {name: "test"}), names))
    assert load_splits(tmp_path) == dict.fromkeys(names, "test")
