"""The silent loss with a frozen COCO detector; small random ones, saved by transformers, stand for COCO's."""

import json

import pytest
import torch

from avseg.models.lu_avs.presets import BOX_CONFIGS, MASK_CONFIGS
from avseg.models.lu_avs.teacher import Teacher
from tests.runs_for_tests import avseg
from tests.training.long.build import built
from tests.training.long.words import words


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    from transformers import DetrForObjectDetection, MaskFormerForInstanceSegmentation

    root = tmp_path_factory.mktemp("coco")
    torch.manual_seed(5)
    nets = {
        "mask": MaskFormerForInstanceSegmentation(MASK_CONFIGS["tiny"](13)),
        "box": DetrForObjectDetection(BOX_CONFIGS["tiny"](13)),
    }
    for kind, net in nets.items():
        head = net.class_predictor if kind == "mask" else net.class_labels_classifier
        torch.nn.init.normal_(head.weight)  # else every query is as unsure as the next
        net.eval().save_pretrained(root / kind)
    return {kind: (root / kind, net) for kind, net in nets.items()}


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_it_says_what_the_saved_network_says(coco, kind):
    folder, net = coco[kind]
    teacher, frames = Teacher(kind, "tiny", str(folder)).train(), torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        theirs = net(frames)
    logits = theirs.class_queries_logits if kind == "mask" else theirs.logits
    assert logits.shape[-1] == 14
    found = teacher(frames, torch.tensor([[64, 96]] * 2))
    for place, (regions, scores) in enumerate(found):
        p = logits[place].softmax(-1)
        things = p.argmax(-1) < 13
        torch.testing.assert_close(scores, p[things, :13].max(-1).values)
        if kind == "mask":
            torch.testing.assert_close(regions, (theirs.masks_queries_logits[place, things] > 0).float())
        else:
            x, y, w, h = (theirs.pred_boxes[place, things] * torch.tensor([96, 64, 96, 64])).T
            corners = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], -1)
            torch.testing.assert_close(regions, corners.clamp(min=0).minimum(torch.tensor([96.0, 64, 96, 64])))
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_sky_and_wall_are_no_objects(tmp_path):
    """COCO panoptic has 133 classes; the first 80 are things."""
    from transformers import MaskFormerForInstanceSegmentation

    net = MaskFormerForInstanceSegmentation(MASK_CONFIGS["tiny"](133))
    torch.nn.init.zeros_(net.class_predictor.weight)
    net.class_predictor.bias.data.copy_(torch.zeros(134).index_fill(0, torch.tensor([90]), 9.0))
    net.save_pretrained(tmp_path)
    teacher = Teacher("mask", "tiny", str(tmp_path))
    ((regions, _),) = teacher(torch.randn(1, 3, 64, 64), torch.tensor([[64, 64]]))
    assert len(regions) == 0
    teacher.branch.net.class_predictor.bias.data.copy_(torch.zeros(134).index_fill(0, torch.tensor([79]), 9.0))
    ((regions, scores),) = teacher(torch.randn(1, 3, 64, 64), torch.tensor([[64, 64]]))
    assert len(regions) == 7
    assert scores.min() > 0.9


@pytest.mark.parametrize("kind", [pytest.param(name, marks=pytest.mark.slow) for name in ("mask", "box")])
def test_it_teaches(coco, lu_toy, tmp_path, kind):
    """A run of two epochs; the second is past the warm-up. It is resumed and evaluated without a teacher beside it."""
    say = [f"model.teacher={coco[kind][0]}", "model.silent.mode=teacher", "model.silent.teacher_score=0"]
    say += ["model.silent.teacher_iou=0"]  # whatever it sees excuses every query
    run = avseg(words(kind, lu_toy, tmp_path, "trainer.max_epochs=2", *say), tmp_path)
    assert run.code == 0, run.err
    state = torch.load(run.run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert not [name for name in state if "teacher" in name]
    silent = json.loads((run.run / "result.json").read_text())["choices"]["silent"]
    assert (silent["mode"], silent["teacher"]) == ("teacher", str(coco[kind][0]))
    plain = avseg(
        words(kind, lu_toy, tmp_path / "off", "trainer.max_epochs=2", "model.silent.mode=off"), tmp_path / "off"
    )
    losses = [(c.run / "metrics.csv").read_text().splitlines()[1:] for c in (run, plain)]
    assert losses[0][0] == losses[1][0]  # warm-up
    assert losses[0][1] != losses[1][1]
    evaluated = avseg(["evaluate", f"checkpoint={run.run}", "split=val", "trainer=cpu"])
    assert evaluated.code == 0, evaluated.err


def test_the_loss_excuses_what_the_teacher_sees(coco):
    """Every query that covers an unannotated object of the teacher weighs the floor, all others 1."""
    words_ = [
        "model=toy_lu_avs_mask",
        "model.network=tiny",
        f"model.teacher={coco['mask'][0]}",
        "model.silent.mode=teacher",
    ]
    task = built([*words_, "model.silent.teacher_score=0"], ["a", "b"])
    task.net.load_state_dict({**task.net.state_dict(), **_but_the_head(task._teacher[0].branch.state_dict())})
    torch.manual_seed(6)  # frames on which the random teacher sees things: on some it sees none
    frames = torch.randn(1, 3, 64, 64)
    output = task.net.eval()(frames)
    seen = task._teacher[0](frames, torch.tensor([[64, 64]]))
    nothing = [torch.zeros(0, 64, 64)]
    unknown = [task.loss._unannotated_regions(pair, nothing[0]) for pair in seen]
    overlaps = task.loss.overlaps(output, unknown)
    silent = task.loss.silent
    weights = silent.weights(output.class_logits, task.loss.overlaps(output, nothing), None, overlaps)
    things = task._teacher[0].branch(frames).class_logits[0].argmax(-1) < 13
    covered = torch.zeros(7, dtype=torch.bool)
    masks = output.masks[0] > 0
    for query in range(7):  # the same masks on both sides
        for other in things.nonzero().flatten().tolist():
            both, either = (masks[query] & masks[other]).sum(), (masks[query] | masks[other]).sum()
            covered[query] |= bool(either > 0) and bool(both / either >= 0.5)
    assert covered.any()
    torch.testing.assert_close(weights[0], torch.where(covered, 0.05, 1.0))


def _but_the_head(state):
    return {name: tensor for name, tensor in state.items() if "class_predictor" not in name}


@pytest.mark.parametrize(
    ("say", "told"),
    [
        (["model.silent.mode=teacher"], "the mode teacher needs model.teacher=FOLDER"),
        (["model.teacher=/x"], "model.silent.mode=soft with model.teacher=/x"),
        (["model.silent.mode=teacher", "model.teacher=/nowhere"], "model.teacher: /nowhere: no such folder"),
        (["model.silent.mode=teacher", "model.teacher=true"], "model.teacher: this config has no published weights"),
    ],
)
def test_without_weights_there_is_no_teacher(lu_toy, tmp_path, say, told):
    command = avseg(words("mask", lu_toy, tmp_path, *say))
    assert command.code == 2
    (line,) = command.err.strip().splitlines()
    assert told in line
    assert not list(tmp_path.iterdir())
