"""Seeds, and the masks that grow from them (Fathi et al. 2017, sections 3.3 and 3.4)."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field

from napari_discern.clustering.elements import Array, Elements
from napari_discern.clustering.nearest import neighbourhoods
from napari_discern.clustering.proposals import Candidates, Proposals, propose, squared_radius
from napari_discern.errors import BadArgument
from napari_discern.lazy.torch import Tensor, torch
from napari_discern.params import Params

SAMPLE, PER_PROPOSAL = 4096, 8
"""Elements among which seeds are picked where the model does not say which are good; so many a proposal at least."""
FIRST = 100
"""Seeds that are picked at first (Fathi et al. 2017, section 4.3)."""
TAUS, OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), (0.3, 0.5, 0.7)
"""What is tried on validation images."""


class SeedMap(NamedTuple):
    """What a model says of the masks that each pixel would grow.

    Attributes
    ----------
    taus : tuple of float
        The similarities at which masks are cut off.
    chance : float tensor of shape (T, K, \\*S)
        For each of them, the probability that the mask is no object (0), or a good one of each semantic class.
    """

    taus: tuple[float, ...]
    chance: Tensor


class Seeds(Params):
    """Picks seeds that will grow good masks and are unlike one another; what is like a seed is its object.

    The method of Fathi et al. 2017: seed ``p_t = argmax log S_p + alpha log D(p, p_1..t-1)``, D being the squared
    distance in the embedding to the nearest seed picked before, and mask ``m(p, tau) = {q: sigma(p, q) >= tau}``.
    The model's seediness gives S and the tau of each seed. On a model without, S is how stable the mask is: the share
    of what lies within twice the squared radius that lies within half of it.
    """

    kind: Literal["seeds"] = "seeds"
    proposals: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Seeds to pick, at most; auto picks a hundred, and then as many again among the good ones that are left outside
    all masks, until there are none."""
    diversity: float = Field(0.3, ge=0)
    """Weight alpha of how unlike a seed is to those picked before, beside how good it is."""
    tau: float = Field(0.5, gt=0, lt=1)
    """Least similarity of an object's pixels to its seed, on a model that does not say which fits."""
    overlap: float = Field(0.5, ge=0, lt=1)
    """Largest share of a mask that may lie in masks of more confidence, for it to be an object of its own."""
    seed: int = Field(0, ge=0, lt=1 << 32)
    """Seed of the random choice of pixels that may be seeds, on a model that does not say which are good."""

    @classmethod
    def reaching(cls, reach: float) -> Self:
        """Those whose masks reach so far from their seeds, in units of the embedding."""
        return cls(tau=max(2 / (1 + math.exp(min(reach**2, 500))), 1e-200))

    @property
    def reach(self) -> float:
        """Largest distance of an object's pixels from its seed, in units of the embedding."""
        return math.sqrt(squared_radius(self.tau))

    def __call__(self, embedding: Array, foreground: Array, seeds: SeedMap | None = None) -> Array:
        """Cluster the foreground: each pixel goes to the most similar seed of whose mask it is.

        Parameters
        ----------
        embedding : floating array or tensor of shape (E, \\*S)
        foreground : bool array or tensor of shape (\\*S)
        seeds : SeedMap, optional
            What the model says of the masks that each pixel would grow.

        Returns
        -------
        uint32 array or tensor of shape (\\*S)
            0 is background, and what is like no seed; ids are 1..N, the most confident first.

        Raises
        ------
        BadArgument
            If a shape or type does not fit, or an embedding in the foreground is not a finite number.
        """
        found = self.propose(embedding, foreground, seeds)
        return found.elements.paint(found.partition(self.overlap), embedding)

    def propose(self, embedding: Any, foreground: Any, seeds: SeedMap | None = None) -> Proposals:
        """The masks of all seeds, which may overlap; parameters and errors as for calling."""
        elements = Elements.gather(embedding, foreground)
        number = FIRST if self.proposals == "auto" else self.proposals
        judged = _guided(elements, seeds) if seeds is not None else None
        found = latest = propose(elements, judged or self._unguided(elements.points, number), number, self.diversity)
        while self.proposals == "auto" and len(latest) == number and not latest.dust:
            number = len(found)
            candidates = (judged or self._unguided(elements.points, number)).outside(found)
            latest = propose(elements, candidates, number, self.diversity)
            found = found.with_more(latest)
        return found

    @property
    def trials(self) -> list[dict[str, float]]:
        """Changes to be tried on validation images, the smallest first."""
        nearest = sorted(TAUS, key=lambda tau: abs(tau - self.tau))
        return [*({"tau": tau} for tau in nearest), *({"overlap": share} for share in OVERLAPS)]

    def _unguided(self, points: Tensor, number: int) -> Candidates:
        """A sample of the elements, each as good a seed as its mask is stable."""
        size = min(len(points), max(SAMPLE, PER_PROPOSAL * number))
        generator = torch.Generator().manual_seed(self.seed)
        element = torch.randperm(len(points), generator=generator)[:size].sort().values.to(points.device)
        sample, square = points.index_select(0, element), squared_radius(self.tau)
        stable = torch.zeros(size, device=points.device)
        for row, _, squared in neighbourhoods(sample, sample, math.sqrt(2 * square)) if size else ():
            stable[row] = ((squared <= square / 2).sum(1) / (squared <= 2 * square).sum(1).clamp_min(1)).float()
        tau = torch.full_like(stable, self.tau, dtype=torch.float64)
        return Candidates(element, tau, torch.ones_like(element), stable)


def _guided(elements: Elements, seeds: SeedMap) -> Candidates:
    """All elements, with the tau and class that the model is surest of."""
    chance = torch.as_tensor(seeds.chance).to(elements.points.device)
    if chance.shape[0] != len(seeds.taus) or chance.shape[2:] != elements.foreground.shape or chance.shape[1] < 2:
        raise BadArgument(
            f"a seed map of shape {tuple(chance.shape)} does not fit {len(seeds.taus)} taus and a foreground of shape "
            f"{tuple(elements.foreground.shape)}; it must be (taus, 1 + classes, *foreground)."
        )
    every = chance[:, 1:][:, :, elements.foreground].flatten(0, 1).float()
    confidence, best = every.max(dim=0)
    classes = chance.shape[1] - 1
    tau = torch.tensor(seeds.taus, dtype=torch.float64, device=every.device)[best // classes]
    return Candidates(torch.arange(len(best), device=every.device), tau, best % classes + 1, confidence)
