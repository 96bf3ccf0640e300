"""Backbones: whichever the family has, in 2D and in 3D."""

from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter
from stubs import members, named, small_backbones

from napari_discern.backbones import Backbone
from napari_discern.model import Architecture
from napari_discern.model.network import EmbeddingNetwork

BACKBONES = small_backbones()


def test_every_member_of_the_family_is_tested():
    assert {type(backbone) for backbone in BACKBONES} == set(members(Backbone))


@pytest.mark.parametrize("backbone", BACKBONES, ids=named)
class TestEveryBackbone:
    @pytest.mark.parametrize(("ndim", "channels"), [(2, 1), (2, 3), (3, 2)])
    def test_maps_channels_to_features_at_the_same_size(self, backbone, ndim, channels):
        torch.manual_seed(0)
        network = backbone(ndim, channels, 5)
        size = (backbone.multiple,) * (ndim - 1) + (2 * backbone.multiple,)
        image = torch.randn(2, channels, *size, requires_grad=True)
        features = network(image)
        assert features.shape == (2, 5, *size)
        features.square().mean().backward()
        gradients = [image.grad, *(p.grad for p in network.parameters() if p.grad is not None)]
        assert all(g.isfinite().all() for g in gradients)
        assert image.grad.abs().amax(dim=(0, *range(2, ndim + 2))).gt(0).all(), "a channel is not looked at"

    def test_comes_back_from_json(self, backbone):
        assert TypeAdapter(Backbone).validate_json(backbone.model_dump_json()) == backbone

    def test_a_network_around_it_takes_any_size(self, backbone):
        network = EmbeddingNetwork(Architecture(backbone=backbone, features=4, embedding=4)).eval()
        for size in ((1, 1), (17, 30), (backbone.multiple, backbone.multiple + 1)):
            with torch.inference_mode():
                output = network(torch.randn(1, 1, *size))
            assert output.embedding.shape == (1, 4, *size)
            assert output.logits.shape == (1, 2, *size)
            assert output.embedding.isfinite().all()

    def test_the_same_seed_gives_the_same_weights(self, backbone):
        weights = []
        for _ in range(2):
            torch.manual_seed(7)
            weights.append(torch.cat([p.flatten() for p in backbone(2, 1, 4).parameters()]))
        assert (weights[0] == weights[1]).all()
