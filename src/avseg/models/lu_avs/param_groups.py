"""Parameter groups of the branches for AdamW; what the paper leaves open is as in the official MaskFormer and DETR."""

from typing import Any

from torch import nn

# MaskFormer does not decay these
_NEVER_DECAYED = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d, nn.Embedding)
_POSITION_TABLE = "relative_position_bias_table"


def param_groups(branch: nn.Module, lr: float, backbone_lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """Divide the parameters of a branch into groups; frozen parameters are left out.

    Args:
        branch: `MaskBranch`, `BoxBranch` or `AudioBranch`; its `backbone_prefix` begins the names of the backbone's
            parameters, and `decays_norms` is False if norms, embeddings and position tables do not decay.
        lr: learning rate.
        backbone_lr: learning rate of the backbone.
        weight_decay: of the parameters that decay.

    Returns:
        Up to four groups, with "name" ("backbone", "heads", and either with ", no decay"), "params", "lr" and
        "weight_decay".
    """
    groups: dict[str, dict[str, Any]] = {}
    for prefix, module in branch.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            in_backbone = f"{prefix}.{leaf}".startswith(branch.backbone_prefix)  # type: ignore[arg-type]
            never_decayed = isinstance(module, _NEVER_DECAYED) or leaf == _POSITION_TABLE
            decay = 0.0 if never_decayed and not branch.decays_norms else weight_decay
            name = "backbone" if in_backbone else "heads"
            name += ", no decay" if never_decayed and not branch.decays_norms else ""
            if name not in groups:
                rate = backbone_lr if in_backbone else lr
                groups[name] = {"name": name, "params": [], "lr": rate, "weight_decay": decay}
            groups[name]["params"].append(parameter)
    return list(groups.values())
