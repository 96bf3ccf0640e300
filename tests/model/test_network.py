"""Architecture, backbones and network: any size in, the same size out, and places where they belong."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stubs import named, small_backbones

from napari_discern.backbones import DynUNet, SegResNet
from napari_discern.model import Architecture
from napari_discern.model.network import EmbeddingNetwork, depth_to_space, hand_over, space_to_depth


def small(**values: object) -> Architecture:
    """A tiny architecture."""
    return Architecture(**{"backbone": SegResNet(filters=8, levels=2), "features": 4, "embedding": 4, **values})


class TestFlatLevels:
    @pytest.mark.parametrize(("flat_levels", "coarsest"), [(0, (2, 1, 2)), (1, (4, 1, 2)), (2, (8, 1, 2))])
    def test_leave_depth_as_it_is(self, flat_levels, coarsest):
        network = DynUNet(filters=4, levels=3, flat_levels=flat_levels)(3, 1, 4)
        seen: list[torch.Size] = []
        network.bottleneck.register_forward_hook(lambda _, inputs, output: seen.append(output.shape[2:]))
        assert network(torch.randn(1, 1, 8, 4, 8)).shape == (1, 4, 8, 4, 8)
        assert seen == [coarsest]

    def test_mean_nothing_in_the_plane(self):
        flat, plain = (DynUNet(filters=4, levels=3, flat_levels=n)(2, 1, 4) for n in (2, 0))
        assert [p.shape for p in flat.parameters()] == [p.shape for p in plain.parameters()]


class TestArchitecture:
    def test_comes_back_from_json_with_its_backbone(self):
        made = Architecture(
            ndim=3, channels=2, backbone=DynUNet(flat_levels=2), coordinate_scale=7.5, spacing=(2.0, 0.5, 0.5)
        )
        assert Architecture.model_validate_json(made.model_dump_json()) == made

    def test_no_coordinates_no_steps(self):
        assert Architecture(spacing=(2.0, 1.0)).coordinate_steps is None

    def test_steps_follow_the_spacing(self):
        """A pixel of the finest axis is 1 / scale; thick slices lie further apart."""
        made = Architecture(ndim=3, coordinate_scale=10, spacing=(2.0, 0.5, 0.5))
        assert made.coordinate_steps == pytest.approx((0.4, 0.1, 0.1))
        assert Architecture(coordinate_scale=4).coordinate_steps == (0.25, 0.25)

    @pytest.mark.parametrize("spacing", [(1.0,), (1.0, 1.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
    def test_spacing_that_does_not_fit(self, spacing):
        with pytest.raises(ValidationError, match="positive number for each of 2 axes"):
            Architecture(spacing=spacing)

    def test_coordinates_need_room_in_the_embedding(self):
        with pytest.raises(ValidationError, match="coordinates of 3 axes"):
            Architecture(ndim=3, embedding=2, coordinate_scale=5)
        assert Architecture(ndim=3, embedding=2).embedding == 2


def silence(network: EmbeddingNetwork) -> EmbeddingNetwork:
    """Make the embedding head say nothing, so that only what is added to it is left."""
    for parameter in network.heads["embedding"].parameters():
        torch.nn.init.zeros_(parameter)
    return network.eval()


class TestHeads:
    @pytest.mark.parametrize("ndim", [2, 3])
    def test_sizes(self, ndim):
        network = EmbeddingNetwork(small(ndim=ndim, channels=3, embedding=6, classes=4))
        output = network(torch.randn(2, 3, *(4, 5, 6)[:ndim]))
        assert output.embedding.shape == (2, 6, *(4, 5, 6)[:ndim])
        assert output.logits.shape == (2, 5, *(4, 5, 6)[:ndim])

    @pytest.mark.parametrize("ndim", [2, 3])
    def test_a_score_for_each_tau_and_class_of_mask(self, ndim):
        size = (4, 5, 6)[:ndim]
        network = EmbeddingNetwork(small(ndim=ndim, classes=2, taus=(0.25, 0.5, 0.9)))
        seeds = network(torch.randn(2, 1, *size)).seeds
        assert seeds.shape == (2, 3, 3, *size)
        seeds[:, 1].square().sum().backward()
        assert any(p.grad.abs().max() > 0 for p in network.backbone.parameters() if p.grad is not None)

    def test_without_taus_the_weights_are_what_they_were(self):
        network = EmbeddingNetwork(small())
        assert network(torch.randn(1, 1, 8, 8)).seeds is None
        assert not any("seeds" in name for name in network.state_dict())

    def test_seeds_and_shared_pixels_do_not_go_together(self):
        with pytest.raises(ValidationError, match="not both"):
            small(layers=2, taus=(0.5,))

    def test_both_reach_the_backbone(self):
        for head in ("embedding", "logits"):
            network = EmbeddingNetwork(small())
            getattr(network(torch.randn(1, 1, 8, 8)), head).square().sum().backward()
            assert any(p.grad.abs().max() > 0 for p in network.backbone.parameters() if p.grad is not None)

    def test_float32_comes_out_under_autocast(self):
        """In bfloat16 the coordinates of neighbouring pixels would be one number."""
        network = silence(EmbeddingNetwork(small(coordinate_scale=10)))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            output = network(torch.randn(1, 1, 2, 600))
        assert output.embedding.dtype == output.logits.dtype == torch.float32
        torch.testing.assert_close(output.embedding[0, 1, 0].diff(), torch.full((599,), 0.1), rtol=1e-3, atol=0)


class TestSize:
    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (8, 8), (33, 18)])
    def test_the_edge_is_repeated_and_cut_off_again(self, size):
        network = EmbeddingNetwork(small(backbone=SegResNet(filters=8, levels=3))).eval()
        image = torch.randn(1, 1, *size)
        seen: list[torch.Tensor] = []
        network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        with torch.inference_mode():
            output = network(image)
        assert output.embedding.shape[2:] == size
        padded = seen[0]
        assert all(n % 4 == 0 for n in padded.shape[2:])
        assert (padded[..., : size[0], : size[1]] == image).all()
        assert (padded[..., size[0] - 1 :, size[1] - 1 :] == image[..., -1:, -1:]).all()

    def test_no_more_is_added_than_needed(self):
        network = EmbeddingNetwork(small(ndim=3, backbone=SegResNet(filters=8, levels=3))).eval()
        seen: list[torch.Size] = []
        network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
        with torch.inference_mode():
            network(torch.randn(1, 1, 4, 8, 13))
        assert seen == [(1, 1, 4, 8, 16)]


class TestScales:
    def test_features_of_all_scales_are_averaged(self):
        """Of an even image a backbone sees the same at each scale, but for what it does at the borders."""
        network = EmbeddingNetwork(small(scales=(0.5, 1.0, 2.0))).eval()
        image = torch.rand(1, 1, 12, 20)
        with torch.inference_mode():
            each = [network._at_scale(image, scale) for scale in (0.5, 1.0, 2.0)]
            expected = network.heads["embedding"](torch.stack(each).mean(0))
            found = network(image).embedding
        assert all(features.shape[-2:] == (12, 20) for features in each)
        torch.testing.assert_close(found, expected)
        assert not torch.allclose(each[0], each[2])

    @pytest.mark.parametrize("ndim", [2, 3])
    @pytest.mark.parametrize("scales", [(0.25, 0.5, 1.0, 2.0), (0.5,)])
    def test_any_size_at_any_scale(self, ndim, scales):
        network = EmbeddingNetwork(small(ndim=ndim, scales=scales, stride=2))
        size = (3, 5, 7)[:ndim]
        network(torch.rand(2, 1, *size)).embedding.sum().backward()
        assert network(torch.rand(2, 1, *size)).logits.shape == (2, 2, *size)

    def test_a_scale_there_must_be(self):
        with pytest.raises(ValidationError, match="scales"):
            small(scales=())


class TestStride:
    @given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=2, max_size=3), st.integers(1, 3))
    def test_blocks_as_channels_and_back(self, sides, channels):
        blocks, strides = zip(*sides, strict=True)
        image = torch.randn(2, channels, *(n * s for n, s in sides))
        deep = space_to_depth(image, strides)
        assert deep.shape == (2, channels * prod(strides), *blocks)
        first = image[(..., *(slice(s) for s in strides))]
        assert (deep.flatten(2)[..., 0].sort().values == first.flatten(1).sort().values).all()
        assert (depth_to_space(deep, strides) == image).all()

    @pytest.mark.parametrize(("ndim", "spacing", "seen"), [(2, (), (8, 12)), (3, (4.0, 1.0, 1.0), (6, 8, 12))])
    def test_the_backbone_sees_blocks_and_all_pixels_come_out(self, ndim, spacing, seen):
        """Where slices are thick their pixels are not put together."""
        network = EmbeddingNetwork(small(ndim=ndim, channels=2, stride=2, spacing=spacing)).eval()
        sizes: list[torch.Size] = []
        network.backbone.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape))
        size = (5, 15, 22)[-ndim:]
        image = torch.randn(1, 2, *size, requires_grad=True)
        output = network(image)
        assert output.embedding.shape[2:] == output.logits.shape[2:] == size
        assert sizes == [(1, 8, *seen)]
        output.embedding.square().mean().backward()
        assert image.grad is not None
        assert image.grad.abs().amin() > 0, "a pixel is not looked at"

    @pytest.mark.parametrize("ndim", [2, 3])
    def test_heads_see_the_features_of_each_pixel(self, ndim):
        """They are run on blocks, before the pixels are laid out; that is faster and must not be another result."""
        network = EmbeddingNetwork(small(ndim=ndim, stride=2, taus=(0.25, 0.75))).eval()
        with torch.inference_mode():
            image = torch.randn(2, 1, *(7, 10, 12)[-ndim:])
            expected = {name: head(features(network, image)) for name, head in network.heads.items()}
            found = network(image)
        torch.testing.assert_close(found.embedding, expected["embedding"])
        torch.testing.assert_close(found.logits, expected["foreground"])
        torch.testing.assert_close(found.seeds.flatten(1, 2), expected["seeds"])

    def test_each_pixel_has_a_place_of_its_own(self):
        network = silence(EmbeddingNetwork(small(stride=2, coordinate_scale=10)))
        with torch.inference_mode():
            across = network(torch.randn(1, 1, 4, 8)).embedding[0, 1, 0]
        torch.testing.assert_close(across.diff(), torch.full((7,), 0.1))

    def test_one_is_as_without(self):
        """Models of before keep the names of their weights."""
        assert not any("expand" in key for key in EmbeddingNetwork(small()).state_dict())


class TestCoordinateChannels:
    def test_run_from_minus_one_to_one_over_the_image_itself(self):
        network = EmbeddingNetwork(small(channels=2, coordinate_channels=True))
        seen: list[torch.Tensor] = []
        network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        image = torch.randn(2, 2, 5, 8)
        network(image)
        assert seen[0].shape == (2, 4, 6, 8)
        assert (seen[0][:, :2, :5] == image).all()
        down, across = seen[0][1, 2:, :5]
        torch.testing.assert_close(down[:, 3], torch.tensor([-1, -0.5, 0, 0.5, 1]))
        torch.testing.assert_close(across[2], torch.linspace(-1, 1, 8))
        assert (down == down[:, :1]).all()

    def test_tell_alike_places_apart(self):
        """On an even image a convolution says the same everywhere but at the edge."""
        for told, spread in ((False, False), (True, True)):
            torch.manual_seed(0)
            backbone = SegResNet(filters=8, levels=2, norm="batch")
            network = EmbeddingNetwork(small(backbone=backbone, coordinate_channels=told)).eval()
            with torch.inference_mode():
                middle = network(torch.ones(1, 1, 48, 48)).embedding[..., 20:28:2, 20:28:2]
            assert bool(middle.std(dim=(2, 3)).max() > 1e-5) is spread


class TestAddedCoordinates:
    def test_first_channels_hold_the_place_and_the_others_nothing(self):
        network = silence(EmbeddingNetwork(small(ndim=3, coordinate_scale=10, spacing=(2.0, 0.5, 0.5))))
        with torch.inference_mode():
            z, y, x, rest = network(torch.randn(1, 1, 4, 6, 5)).embedding[0]
        torch.testing.assert_close(z[:, 2, 2], torch.tensor([-0.8, -0.4, 0.0, 0.4]))
        torch.testing.assert_close(y[1, :, 2], torch.tensor([-0.3, -0.2, -0.1, 0.0, 0.1, 0.2]))
        torch.testing.assert_close(x[1, 2], torch.tensor([-0.25, -0.15, -0.05, 0.05, 0.15]))
        assert not rest.any()

    def test_an_object_that_moves_takes_its_points_along(self):
        """Moved by 8 pixels, the same texture lies 8 / scale further on, and is otherwise the same."""
        torch.manual_seed(0)
        backbone = SegResNet(filters=8, levels=2, norm="batch")
        network = EmbeddingNetwork(small(backbone=backbone, coordinate_scale=5)).eval()
        scene = torch.randn(1, 1, 64, 80)
        with torch.inference_mode():
            here = network(scene[..., :64]).embedding[..., 24:40, 24:40]
            there = network(scene[..., 8:72]).embedding[..., 24:40, 16:32]
        moved = here - there
        torch.testing.assert_close(moved[:, 1], torch.full_like(moved[:, 1], 8 / 5), rtol=0, atol=1e-4)
        torch.testing.assert_close(moved[:, [0, 2, 3]], torch.zeros_like(moved[:, :3]), rtol=0, atol=1e-4)

    def test_gradient_reaches_all_channels(self):
        network = EmbeddingNetwork(small(coordinate_scale=5))
        network(torch.randn(1, 1, 8, 8)).embedding.square().sum().backward()
        weight = network.heads["embedding"][1].weight.grad
        assert (weight.flatten(1).abs().amax(dim=1) > 0).all()


def repeated(pixels: torch.Tensor, times: int) -> torch.Tensor:
    """Each pixel so often along each axis."""
    for axis in range(2, pixels.ndim):
        pixels = pixels.repeat_interleave(times, dim=axis)
    return pixels


def averaged(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """The mean of each block of pixels."""
    pool = torch.nn.functional.avg_pool2d if pixels.ndim == 4 else torch.nn.functional.avg_pool3d
    return pool(pixels, size)


@pytest.mark.parametrize(
    ("stride", "ratio", "expected"),
    [
        (2, 1.0, (2, 1.0, 6.0)),
        (2, 1.2, (2, 1.0, 6.0)),  # near enough
        (2, 0.85, (2, 1.0, 6.0)),
        (2, 2.0, (4, 1.0, 12.0)),
        (2, 1.8, (4, 1.0, 12.0)),
        (2, 4.0, (4, 0.5, 24.0)),
        (2, 0.5, (2, 2.0, 3.0)),
        (4, 0.5, (2, 1.0, 3.0)),
        (4, 0.25, (2, 2.0, 1.5)),
        (1, 4.0, (4, 1.0, 24.0)),
        (3, 2.0, (3, 0.5, 12.0)),
        (2, 100.0, (4, 0.25, 48.0)),
        (2, 0.01, (2, 4.0, 1.5)),
    ],
)
def test_objects_of_another_size_are_seen_as_those_that_are_known(stride, ratio, expected):
    made = small(stride=stride, coordinate_scale=6.0)
    sized = made.for_objects(ratio)
    assert (sized.stride, *sized.scales, sized.coordinate_scale) == expected
    changes = {"stride": expected[0], "scales": expected[1:2], "coordinate_scale": expected[2]}
    assert sized == made.model_copy(update=changes)


def test_where_nothing_is_added_to_the_embedding_nothing_is_scaled():
    assert small(stride=2).for_objects(2.0) == small(stride=4)


class TestHandOver:
    """To other blocks of pixels, a network sees the image as if it were magnified or shrunk."""

    @pytest.mark.parametrize("backbone", small_backbones(), ids=named)
    @pytest.mark.parametrize(("old", "new"), [(4, 2), (2, 4), (1, 2)])
    def test_features_are_those_of_the_image_in_the_other_size(self, backbone, old, new):
        one, other = (EmbeddingNetwork(small(backbone=backbone, channels=3, stride=s)).eval() for s in (old, new))
        assert hand_over(one, other)
        image = torch.rand(1, 3, *[backbone.multiple * 8] * 2)
        with torch.inference_mode():
            if old > new:
                expected = averaged(features(one, repeated(image, old // new)), old // new)
            else:
                expected = repeated(features(one, averaged(image, new // old)), new // old)
            torch.testing.assert_close(features(other, image).relu(), expected.relu(), rtol=1e-3, atol=1e-4)

    def test_in_a_volume_coarse_along_z(self):
        made = {"backbone": SegResNet(filters=8, levels=2), "ndim": 3, "spacing": (2.0, 1.0, 1.0)}
        one, other = EmbeddingNetwork(small(stride=4, **made)).eval(), EmbeddingNetwork(small(stride=2, **made)).eval()
        assert (one.architecture.strides, other.architecture.strides) == ((2, 4, 4), (1, 2, 2))
        assert hand_over(one, other)
        image = torch.rand(1, 1, 4, 16, 8)
        with torch.inference_mode():
            expected = averaged(features(one, repeated(image, 2)), 2)
            torch.testing.assert_close(features(other, image), expected, rtol=1e-3, atol=1e-4)

    def test_of_blocks_there_is_no_way_back_to_pixels(self):
        one, other = EmbeddingNetwork(small(stride=2)), EmbeddingNetwork(small(stride=1))
        before = {name: weight.clone() for name, weight in other.state_dict().items()}
        assert not hand_over(one, other)
        assert all(torch.equal(weight, before[name]) for name, weight in other.state_dict().items())

    def test_added_coordinates_are_those_of_the_other(self):
        one, other = (EmbeddingNetwork(small(coordinate_scale=s)).eval() for s in (8.0, 2.0))
        assert hand_over(one, other)
        image = torch.rand(1, 1, 8, 8)
        with torch.inference_mode():
            added = other(image).embedding - one(image).embedding
        torch.testing.assert_close(added[0, 0, :, 0], (torch.arange(8) - 4) * (1 / 2 - 1 / 8))
        assert added[0, 2:].abs().max() == 0


def features(network: EmbeddingNetwork, image: torch.Tensor) -> torch.Tensor:
    """What the heads see."""
    return network._features(image)
