"""Proposals: masks that grow from seeds, and how seeds are picked (Fathi et al. 2017, sections 3.3 and 3.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_discern.clustering.elements import Elements
from napari_discern.clustering.nearest import BLOCK, neighbourhoods
from napari_discern.lazy.torch import Tensor, torch

LEADERS = 64
"""One in so many candidates is looked at while seeds are picked, those whose score may be the best; `FEW` at least."""
FEW = 1024
GOOD = 0.5
"""Confidence of a seed that must not be left outside all masks."""
DUST = 3
"""Masks of fewer pixels are no objects to look for more of."""


class Candidates(NamedTuple):
    """Elements that may be seeds, (M,) each: index, tau, semantic class from 1 on, and confidence."""

    element: Tensor
    tau: Tensor
    kind: Tensor
    confidence: Tensor

    def outside(self, found: Proposals) -> Candidates:
        """The good ones that lie outside all masks."""
        kept = self.confidence >= GOOD
        kept &= ~torch.isin(self.element, found.members[1])
        return Candidates(*(column[kept] for column in self))


@dataclass(frozen=True, eq=False)
class Proposals:
    """Masks that may overlap, one a seed, in the order in which they were picked.

    Attributes
    ----------
    elements : Elements
        What was clustered.
    element : int64 tensor of shape (K,)
        The seeds, as indices of the elements.
    tau : float64 tensor of shape (K,)
        Least similarity to the seed of what is in its mask.
    kind : int64 tensor of shape (K,)
        Semantic class, from 1 on.
    confidence : float32 tensor of shape (K,)
        Probability that the mask is a good one of that class; how stable it is where the model does not say.
    """

    elements: Elements
    element: Tensor
    tau: Tensor
    kind: Tensor
    confidence: Tensor

    def __len__(self) -> int:
        return len(self.element)

    def first(self, number: int) -> Proposals:
        """So many of them, those that were picked first."""
        return Proposals(self.elements, *(c[:number] for c in (self.element, self.tau, self.kind, self.confidence)))

    @property
    def places(self) -> NDArray[np.int64]:
        """The pixels of the seeds, int64 (K, axes)."""
        return np.asarray(self.elements.foreground.nonzero().index_select(0, self.element).cpu().numpy())

    def masks(self) -> NDArray[np.bool_]:
        """All masks, bool (K, \\*S)."""
        masks = torch.zeros((len(self), len(self.elements.points)), dtype=torch.bool, device=self.tau.device)
        proposal, element, _ = self.members
        masks[proposal, element] = True
        whole = torch.zeros((len(self), *self.elements.foreground.shape), dtype=torch.bool, device=self.tau.device)
        whole[:, self.elements.foreground] = masks
        return np.asarray(whole.cpu().numpy())

    @cached_property
    def members(self) -> tuple[Tensor, Tensor, Tensor]:
        """Every pair of a proposal and an element of its mask, int64 (M,) each, and their squared distance (M,)."""
        points, square = self.elements.points, squared_radius(self.tau)
        nothing = self.element.new_zeros(0)
        found = [(nothing, nothing, self.tau.new_zeros(0))]
        seeds = points.index_select(0, self.element)
        radius = float(square.max().sqrt()) if len(self) else 0.0
        for row, column, squared in neighbourhoods(points, seeds, radius) if len(self) else ():
            at, of = (squared <= square[column]).nonzero(as_tuple=True)
            found.append((column[of], row[at], squared[at, of]))
        proposal, element, squared = (torch.cat(parts) for parts in zip(*found, strict=True))
        return proposal, element, squared

    def with_more(self, others: Proposals) -> Proposals:
        """These, and then others of the same elements."""
        columns = ((getattr(p, name) for p in (self, others)) for name in Candidates._fields)
        return Proposals(self.elements, *(torch.cat(list(column)) for column in columns))

    @property
    def dust(self) -> bool:
        """Whether most masks are of a pixel or two, as in a cloud."""
        return bool(torch.bincount(self.members[0], minlength=len(self)).float().median() < DUST)

    def ranks(self, overlap: float) -> NDArray[np.int64]:
        """The proposals that are objects of their own, by falling confidence from 1 on, int64 (K,).

        0 where more than a share of a mask lies in masks of more confidence that are objects.
        """
        proposal, element, _ = (part.cpu().numpy() for part in self.members)
        order = proposal.argsort(kind="stable")
        ends = np.cumsum(np.bincount(proposal, minlength=len(self)))
        parts = np.split(element[order], ends[:-1]) if len(self) else []
        covered, rank = np.zeros(len(self.elements.points), bool), np.zeros(len(self), np.int64)
        for k in (-self.confidence.cpu().numpy()).argsort(kind="stable"):
            if covered[parts[k]].mean() <= overlap:
                rank[k] = rank.max() + 1
                covered[parts[k]] = True
        return rank

    def partition(self, overlap: float) -> Tensor:
        """Ids 0..N of the elements, int64, of the proposals that `ranks` takes for objects."""
        proposal, element, squared = (part.cpu().numpy() for part in self.members)
        rank = self.ranks(overlap)
        kept = rank[proposal] > 0
        proposal, element, squared = proposal[kept], element[kept], squared[kept]
        nearest = np.lexsort((rank[proposal], squared, element))
        first = nearest[np.unique(element[nearest], return_index=True)[1]]
        ids = np.zeros(len(self.elements.points), np.int64)
        ids[element[first]] = np.unique(rank[proposal[first]], return_inverse=True)[1] + 1
        return torch.from_numpy(ids).to(self.element.device)


def propose(elements: Elements, candidates: Candidates, number: int, diversity: float) -> Proposals:
    """The masks of so many seeds."""
    every = len(candidates.element) == len(elements.points)  # in their order
    points = elements.points if every else elements.points.index_select(0, candidates.element)
    picked = pick(points, candidates.confidence, number, diversity)
    return Proposals(elements, *(column.index_select(0, picked) for column in candidates))


def squared_radius(tau: Any) -> Any:
    """Squared distance at which the similarity ``2 / (1 + exp(d^2))`` is tau (Fathi et al. 2017, equation 1)."""
    return math.log(2 / tau - 1) if isinstance(tau, float) else torch.log(2 / tau - 1)


def pick(points: Tensor, chance: Tensor, number: int, diversity: float) -> Tensor:
    """The seeds ``p_t = argmax log S_p + alpha log D(p, p_1..t-1)`` (Fathi et al. 2017, section 3.3).

    A score can only fall while seeds are picked. So what a point scored when it was last looked at bounds what it
    scores now, and only the points whose bounds are the highest are looked at; the seeds are those of the whole search.

    Parameters
    ----------
    points : float32 tensor of shape (M, E)
    chance : float tensor of shape (M,)
        S, 0 to 1; a point with 0 is never picked.
    number : int
        Seeds to pick, at most.
    diversity : float
        alpha.

    Returns
    -------
    int64 tensor of shape (K,)
        Indices of the points in the order of picking; fewer than asked for where no others are good, or unlike those.
    """
    base = chance.double().log()
    if not len(base) or base.max() == -math.inf:
        return torch.zeros(0, dtype=torch.int64, device=points.device)
    picked = [int(base.argmax())]
    field = _Field.begin(points, base, diversity, picked[0])
    size = max(FEW, len(base) // LEADERS)
    while len(picked) < number:
        bounds, leaders = field.score.topk(min(size + 1, len(base)))
        floor = float(bounds[-1]) if len(base) > size else -math.inf
        if not field.advance(leaders[:size], floor, picked, number):
            break
    return torch.tensor(picked, device=points.device)


@dataclass
class _Field:
    """Of all points: position, log S, squared distance to the nearest seed, score, and how many seeds that knows of."""

    points: Tensor
    base: Tensor
    diversity: float
    apart: Tensor
    score: Tensor
    known: Tensor

    @classmethod
    def begin(cls, points: Tensor, base: Tensor, diversity: float, first: int) -> _Field:
        """When one seed is picked."""
        origin = points[first]
        apart = torch.cat([(block - origin).square_().sum(1) for block in points.split(BLOCK)]).double()
        field = cls(points, base, diversity, apart, base, torch.ones_like(base, dtype=torch.int64))
        field.score = field._scored(base, apart)
        field.score[first] = -math.inf
        return field

    def advance(self, leaders: Tensor, floor: float, picked: list[int], number: int) -> bool:
        """Pick among the leaders while none of the others can be better; whether there may be more to pick."""
        here, base = self.points.index_select(0, leaders).double(), self.base[leaders]
        lengths, apart = here.square().sum(1), self.apart[leaders]
        gone = self.score[leaders] == -math.inf
        missed = picked[int(self.known[leaders].min()) :]
        if missed:
            seeds = self.points[torch.tensor(missed, device=here.device)].double()
            squared = torch.addmm(lengths[:, None] + seeds.square().sum(1), here, seeds.T, alpha=-2)
            apart = torch.minimum(apart, squared.amin(1).clamp_min_(0))
        while True:
            score = self._scored(base, apart).masked_fill_(gone, -math.inf)
            best = int(score.argmax())
            value = float(score[best])
            if len(picked) == number or value < floor or value == -math.inf:
                break
            picked.append(int(leaders[best]))
            gone[best] = True
            squared = lengths + lengths[best] - 2 * (here @ here[best])
            apart = torch.minimum(apart, squared.clamp_min_(0))
        self.apart[leaders], self.score[leaders], self.known[leaders] = apart, score, len(picked)
        return len(picked) < number and max(value, floor) > -math.inf

    def _scored(self, base: Tensor, apart: Tensor) -> Tensor:
        return base + self.diversity * apart.log() if self.diversity else base.clone()
