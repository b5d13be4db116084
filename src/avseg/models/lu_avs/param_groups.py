"""Parameter groups of the branches for AdamW; what the paper leaves open is as in the official MaskFormer and DETR."""

from typing import Any

from torch import nn

# MaskFormer does not decay these
_NEVER_DECAYED = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d, nn.Embedding)
_POSITION_TABLE = "relative_position_bias_table"


def param_groups(branch: nn.Module, lr: float, backbone_lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """Divide the parameters of a branch into up to four groups; frozen parameters are left out.

    The `backbone_prefix` of the branch begins the names of its backbone's parameters; norms, embeddings and position
    tables do not decay where its `decays_norms` is False. A group is named "backbone" or "heads", or either with ", no
    decay".
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
