"""XMem's inference the plain way: every object by itself, everything kept, dense softmax in double precision."""

import torch
from torch import Tensor

from avseg.nn.xmem import XMem


def plain_read(keys: list[Tensor], shrinkages: list[Tensor], values: list[Tensor], query, selection, k: int) -> Tensor:
    """One query cell after the other; keys (CK,), shrinkages (), values (CV,) per memory cell; (CV, cells)."""
    out = []
    for q, e in zip(query.double().flatten(2)[0].T, selection.double().flatten(2)[0].T, strict=True):
        distances = torch.stack([(e * (key.double() - q) ** 2).sum() for key in keys])
        scores = -torch.stack(shrinkages).double() * distances / len(q) ** 0.5
        kept = scores >= scores.sort(descending=True).values[min(k, len(scores)) - 1]
        weights = torch.where(kept, scores.exp(), 0)
        out.append((weights / weights.sum()) @ torch.stack(values).double())
    return torch.stack(out, 1)


class PlainXMem:
    """No long-term memory, no groups. Frames must be multiples of 16, masks are given for one object at a time."""

    def __init__(self, network: XMem, k: int, every: int) -> None:
        self.network, self.k, self.every = network, k, every
        self.objects: dict[int, dict] = {}
        self.index = self.last = -1

    @torch.no_grad()
    def step(self, frame: Tensor, given: dict[int, Tensor] | None = None) -> Tensor:
        self.index += 1
        given = given or {}
        features = self.network.encode_key(frame[None])
        remember = bool(given) or self.index - self.last >= self.every
        h, w = features.key.shape[2:]
        predicted = torch.zeros(0, *frame.shape[1:])
        if set(self.objects) - set(given):
            logits = []
            for known in self.objects.values():
                readout = plain_read(known["k"], known["s"], known["v"], features.key, features.selection, self.k)
                readout = readout.float().view(1, -1, h, w)
                one, known["h"] = self.network.decode(features, readout, known["h"], update=not remember)
                logits.append(one[0])
            predicted = compete(torch.stack(logits).sigmoid())[1:]
        if given:
            for mask in given.values():
                predicted = torch.where(mask > 0.5, 0, predicted)
            masks = {name: predicted[i] if i < len(predicted) else None for i, name in enumerate(self.objects)} | given
            for name in given:
                empty = {"k": [], "s": [], "v": [], "h": torch.zeros(1, self.network.hidden_channels, h, w)}
                self.objects.setdefault(name, empty)
            predicted = compete(torch.stack([masks[name] for name in self.objects]))[1:]
        if remember:
            self._remember(frame, features, predicted)
        return torch.cat([1 - predicted.sum(0, keepdim=True), predicted])

    def _remember(self, frame: Tensor, features, masks: Tensor) -> None:
        self.last = self.index
        hidden = torch.cat([known["h"] for known in self.objects.values()])
        values, hidden = self.network.encode_value(frame[None], features, masks, hidden)
        for i, known in enumerate(self.objects.values()):
            known["h"] = hidden[i : i + 1]
            known["k"] += list(features.key[0].flatten(1).T)
            known["s"] += list(features.shrinkage.flatten())
            known["v"] += list(values[i].flatten(1).T)


def compete(probabilities: Tensor) -> Tensor:
    """Odds against each other: o / (1 + o) was each object's own probability."""
    p = torch.cat([(1 - probabilities).prod(0, keepdim=True), probabilities]).double().clamp(1e-7, 1 - 1e-7)
    odds = p / (1 - p)
    return (odds / odds.sum(0)).float()
