"""How each branch is optimised: learning rates, weight decay and clipping (LU-AVS, supplementary text).

What the paper leaves open ("default settings") is taken from the official MaskFormer and DETR.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn

_NEVER_DECAYED = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d, nn.Embedding)
_POSITION_TABLE = "relative_position_bias_table"


@dataclass(frozen=True)
class Recipe:
    """A branch's published recipe, for AdamW.

    Attributes:
        epochs: of training.
        lr: learning rate.
        backbone_lr: learning rate of the backbone.
        weight_decay: of AdamW.
        decay_norms: whether normalisations, embeddings and position tables decay too.
        gradient_clip: largest norm of the gradient of all parameters together; None for no clipping.
        backbone: how the names of the backbone's parameters begin.
    """

    epochs: int
    lr: float
    backbone_lr: float
    weight_decay: float
    decay_norms: bool
    gradient_clip: float | None
    backbone: str


def param_groups(
    branch: nn.Module,
    lr: float | None = None,
    backbone_lr: float | None = None,
    weight_decay: float | None = None,
) -> list[dict[str, Any]]:
    """The parameter groups of a branch for AdamW; frozen parameters are left out.

    Args:
        branch: `MaskBranch`, `BoxBranch` or `AudioBranch`; its `recipe` gives what is None here.
        lr: learning rate.
        backbone_lr: learning rate of the backbone; None with an `lr` keeps the recipe's ratio of the two.
        weight_decay: of the parameters that decay.

    Returns:
        up to four groups, with "name" ("backbone", "heads", and either with ", no decay"), "params", "lr" and
        "weight_decay".
    """
    recipe: Recipe = branch.recipe  # type: ignore[assignment]
    scale = 1.0 if lr is None else lr / recipe.lr
    rates = {
        "heads": recipe.lr if lr is None else lr,
        "backbone": recipe.backbone_lr * scale if backbone_lr is None else backbone_lr,
    }
    decay = recipe.weight_decay if weight_decay is None else weight_decay
    groups: dict[str, dict[str, Any]] = {}
    for prefix, module in branch.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            part = "backbone" if f"{prefix}.{leaf}".startswith(recipe.backbone) else "heads"
            still = not recipe.decay_norms and (isinstance(module, _NEVER_DECAYED) or leaf == _POSITION_TABLE)
            name = f"{part}, no decay" if still else part
            new = {"name": name, "params": [], "lr": rates[part], "weight_decay": 0.0 if still else decay}
            groups.setdefault(name, new)["params"].append(parameter)
    return list(groups.values())
