import math

import pytest
import torch
from torch import Tensor

from avseg.models.lu_avs.box_loss import BoxQueryLoss, to_relative
from avseg.models.lu_avs.mask_loss import MaskQueryLoss
from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.silent_loss import SilentObjectLoss

B, Q, K, SIZE = 3, 6, 4, (32, 48)


def _output(region: str, layers: int = 2) -> QueryOutput:
    generator = torch.Generator().manual_seed(1)

    def layer() -> QueryOutput:
        logits = torch.randn(B, Q, K + 1, generator=generator).requires_grad_()
        if region == "mask":
            return QueryOutput(logits, masks=torch.randn(B, Q, 8, 12, generator=generator).requires_grad_())
        centres = torch.rand(B, Q, 4, generator=generator) * 0.3 + torch.tensor([0.4, 0.4, 0.1, 0.1])
        return QueryOutput(logits, boxes=centres.requires_grad_())

    earlier = tuple(layer() for _ in range(layers))
    return layer()._replace(auxiliary=earlier)


def _annotated() -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Masks, boxes in pixels, classes: two objects, none, one."""
    generator = torch.Generator().manual_seed(2)
    counts = (2, 0, 1)
    masks = [torch.rand(n, *SIZE, generator=generator) > 0.6 for n in counts]
    boxes = [torch.tensor([[4.0, 8, 20, 30], [10, 2, 44, 12]])[:n] for n in counts]
    return masks, boxes, [torch.randint(K, (n,), generator=generator) for n in counts]


def _their_maskformer(output: QueryOutput) -> dict[str, Tensor]:
    from transformers.models.maskformer.modeling_maskformer import MaskFormerHungarianMatcher, MaskFormerLoss

    masks, _, classes = _annotated()
    matcher = MaskFormerHungarianMatcher(1.0, 20.0, 1.0)
    auxiliary = [
        {"masks_queries_logits": layer.masks, "class_queries_logits": layer.class_logits} for layer in output.auxiliary
    ]
    loss = MaskFormerLoss(K, matcher, {}, 0.1)
    their_terms: dict[str, Tensor] = loss(
        output.masks, output.class_logits, list(map(Tensor.float, masks)), classes, auxiliary
    )
    scale = {"loss_mask": 20.0, "loss_dice": 1.0, "loss_cross_entropy": 1.0}
    names = {"loss_mask": "mask", "loss_dice": "dice", "loss_cross_entropy": "class"}
    return {
        key.replace(prefix, names[prefix]): value * scale[prefix]
        for key, value in their_terms.items()
        for prefix in names
        if key.startswith(prefix)
    }


def _their_detr(output: QueryOutput) -> dict[str, Tensor]:
    from transformers.loss.loss_for_object_detection import HungarianMatcher, ImageLoss

    _, boxes, classes = _annotated()
    loss = ImageLoss(HungarianMatcher(1, 5, 2), K, 0.1, ["labels", "boxes"])
    auxiliary = [{"logits": layer.class_logits, "pred_boxes": layer.boxes} for layer in output.auxiliary]
    outputs = {"logits": output.class_logits, "pred_boxes": output.boxes, "auxiliary_outputs": auxiliary}
    targets = [{"class_labels": c, "boxes": to_relative(b, SIZE)} for c, b in zip(classes, boxes, strict=True)]
    their_terms: dict[str, Tensor] = loss(outputs, targets)
    names, scale = {"loss_ce": "class", "loss_bbox": "box", "loss_giou": "giou"}, {"box": 5, "giou": 2, "class": 1}
    return {
        key.replace(prefix, name): value * scale[name]
        for key, value in their_terms.items()
        for prefix, name in names.items()
        if key.startswith(prefix)
    }


def _ours(region: str, output: QueryOutput, silent: SilentObjectLoss | None = None) -> dict[str, Tensor]:
    masks, boxes, classes = _annotated()
    if region == "mask":
        terms: dict[str, Tensor] = MaskQueryLoss(silent)(output, masks, classes)
        return terms
    terms = BoxQueryLoss(silent)(output, boxes, classes, SIZE)
    return terms


@pytest.mark.parametrize("region", ["mask", "box"])
def test_off_is_the_loss_of_transformers_in_all_layers(region: str) -> None:
    output = _output(region)
    ours, theirs = _ours(region, output), _their_maskformer(output) if region == "mask" else _their_detr(output)
    assert set(ours) == set(theirs)
    assert len(ours) == 9
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=2e-5, atol=1e-6)
    leaves = [leaf for layer in output.layers() for leaf in (layer.class_logits, layer.masks, layer.boxes)]
    leaves = [leaf for leaf in leaves if leaf is not None]
    first, second = (torch.autograd.grad(torch.stack(list(t.values())).sum(), leaves) for t in (ours, theirs))
    for gradient, expected in zip(first, second, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("region", ["mask", "box"])
def test_soft_changes_only_the_class_terms_of_every_layer(region: str) -> None:
    output = _output(region)
    off, soft = _ours(region, output), _ours(region, output, SilentObjectLoss("soft"))
    assert {name for name in off if off[name] != soft[name]} == {"class", "class_0", "class_1"}


@pytest.mark.parametrize("region", ["mask", "box"])
def test_the_teacher_excuses_its_unannotated_objects_only(region: str) -> None:
    """The teacher detects the annotated object slightly shifted, a silent one, and another one with a low score.

    A query on the shifted detection of the annotated object keeps its weight, though it is not a duplicate.
    """
    annotated, shifted, further = [0.0, 0, 28, 8], [4.0, 0, 32, 8], [12.0, 0, 36, 8]
    silent, uncertain = [16.0, 12, 28, 20], [32.0, 16, 44, 28]
    boxes = torch.tensor([annotated, silent, uncertain, further, shifted])
    masks = torch.zeros(5, *SIZE, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes.int().tolist(), strict=True):
        mask[y0:y1, x0:x1] = True
    regions, loss = (masks, MaskQueryLoss) if region == "mask" else (boxes, BoxQueryLoss)
    queries = QueryOutput(torch.zeros(1, 4, K + 1), masks=torch.where(masks, 8.0, -8.0)[None, :4, ::4, ::4])
    if region == "box":
        queries = QueryOutput(queries.class_logits, boxes=to_relative(boxes[:4], SIZE)[None])
    used: list[Tensor] = []
    silent_loss = SilentObjectLoss("teacher")
    weights = silent_loss.weights
    silent_loss.weights = lambda *arguments: used.append(weights(*arguments)) or used[-1]  # type: ignore[method-assign, func-returns-value]
    arguments = () if region == "mask" else (SIZE,)
    teacher = [(regions[[4, 1, 2]], torch.tensor([0.9, 0.9, 0.6]))]
    loss(silent_loss)(queries, [regions[:1]], [torch.tensor([0])], *arguments, teacher=teacher)
    assert used[0][0].tolist() == [1.0, pytest.approx(0.05), 1.0, 1.0]


def test_relative_boxes() -> None:
    box = torch.tensor([[12.0, 8, 36, 24]])
    torch.testing.assert_close(to_relative(box, SIZE), torch.tensor([[0.5, 0.5, 0.5, 0.5]]))
    assert to_relative(box[:0], SIZE).shape == (0, 4)


@pytest.mark.parametrize("region", ["mask", "box"])
def test_warm_up_reaches_the_classification(region: str) -> None:
    masks, boxes, classes = _annotated()
    output, silent = _output(region), SilentObjectLoss("soft", warmup=3)
    values = []
    for elapsed in (0.0, 2.9, 3.0, math.inf):
        if region == "mask":
            terms = MaskQueryLoss(silent)(output, masks, classes, elapsed=elapsed)
        else:
            terms = BoxQueryLoss(silent)(output, boxes, classes, SIZE, elapsed=elapsed)
        values.append(terms["class_0"].item())
    assert values[0] == values[1] == _ours(region, output)["class_0"].item()
    assert values[2] == values[3] == _ours(region, output, SilentObjectLoss("soft"))["class_0"].item()
    assert values[1] != values[2]


def test_mask_overlaps_are_exact_under_autocast() -> None:
    """bfloat16 cannot represent a count of 257 pixels."""
    logits = torch.full((1, 1, 32, 32), -1.0)
    logits.view(-1)[:257] = 1
    annotated = torch.zeros(1, 32, 32)
    annotated.view(-1)[:771] = 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        overlap = MaskQueryLoss().overlaps(QueryOutput(torch.zeros(1, 1, K + 1), masks=logits), [annotated])
    assert overlap[0].item() == pytest.approx(1 / 3)


@pytest.mark.parametrize("region", ["mask", "box"])
def test_each_layer_is_weighted_by_its_regions(region: str) -> None:
    """An earlier layer duplicates an object, the last one does not: both terms are those of the single layers."""
    masks, boxes, classes = _annotated()
    silent, loss = SilentObjectLoss("soft"), MaskQueryLoss if region == "mask" else BoxQueryLoss
    arguments = (masks, classes) if region == "mask" else (boxes, classes, SIZE)
    output = _output(region, layers=1)
    if region == "mask":
        small = torch.nn.functional.interpolate(masks[0][:1, None].float(), size=(8, 12))[0] * 16 - 8
        doubled = output.auxiliary[0]._replace(masks=small.expand(B, Q, 8, 12))
    else:
        doubled = output.auxiliary[0]._replace(boxes=to_relative(boxes[0][:1], SIZE).expand(B, Q, 4))
    together = loss(silent)(output._replace(auxiliary=(doubled,)), *arguments)
    alone = [loss(silent)(layer, *arguments)["class"] for layer in (doubled, output._replace(auxiliary=()))]
    assert [together["class_0"], together["class"]] == alone
    apart = doubled._replace(masks=output.masks, boxes=output.boxes)
    assert loss(silent)(apart, *arguments)["class"] != alone[0]
