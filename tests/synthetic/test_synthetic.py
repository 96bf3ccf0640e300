"""Synthetic pictures: the same for a seed, and true to their truth."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import ndimage

from napari_discern import io
from napari_discern.errors import BadArgument
from napari_discern.image import Image
from napari_discern.instances import Instances
from napari_discern.synthetic import Canvas, Cells, Nuclei3D, Rosette, Scene, Sticks, Synthetic
from napari_discern.synthetic.packing import pack, scatter
from napari_discern.synthetic.texture import add_noise, field

SMALL: list[Scene] = [
    Sticks(size=96, shortest=30, longest=70),
    Rosette(size=96, smallest=20, largest=45, most=10),
    Cells(size=96, fewest=5, most=20),
    Cells(size=96, fewest=5, most=20, stain="membrane"),
    Nuclei3D(size=40, depth=16, fewest=3, most=8),
]
KINDS = pytest.mark.parametrize("scene", SMALL, ids=lambda scene: f"{scene.kind}-{getattr(scene, 'stain', '')}")


def rows(*lines: str) -> np.ndarray:
    """ASCII art: a dot is 0, a digit itself."""
    return np.array([[0 if c == "." else int(c) for c in line] for line in lines])


def check(image: Image, truth: Instances, scene: Scene) -> None:
    """What every picture of every kind promises."""
    assert truth.shape == image.spatial_shape
    assert truth.spacing == image.spacing
    assert truth.axes == image.spatial_axes
    assert truth.unit == image.unit
    assert truth.planes.dtype == np.uint32
    assert truth.n <= scene.most
    ids, areas = np.unique(truth.planes[truth.planes > 0], return_counts=True)
    assert ids.tolist() == list(range(1, truth.n + 1))
    assert (areas >= scene.least_visible).all()


# -- every kind ------------------------------------------------------------------------------------------------


@KINDS
def test_same_seed_same_picture_other_seed_another(scene: Scene) -> None:
    (image, truth), (again, truth_again), (other, truth_other) = scene(3), scene(3), scene(4)
    np.testing.assert_array_equal(image.data, again.data)
    np.testing.assert_array_equal(truth.planes, truth_again.planes)
    assert image.name == again.name != other.name
    assert not np.array_equal(image.data, other.data)
    assert not np.array_equal(truth.planes, truth_other.planes)


@KINDS
def test_drawing_leaves_the_global_random_state_alone(scene: Scene) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the very thing that must not be used
    scene(0)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@KINDS
def test_truth_lies_where_the_picture_shows_objects(scene: Scene) -> None:
    """An object's pixels are brighter than the background; a leaf's are greener than the soil."""
    for seed in range(4):
        image, truth = scene(seed)
        pixels = image.read().astype(float)
        signal = pixels[1] - pixels[[0, 2]].mean(axis=0) if scene.kind == "rosette" else pixels[0]
        empty = signal[~ndimage.binary_dilation(truth.foreground, iterations=3)]
        means = ndimage.mean(signal, truth.labels, np.arange(1, truth.n + 1))
        assert truth.n > 0
        assert (means > np.median(empty)).all()
        assert np.mean(means > np.quantile(empty, 0.9)) > 0.9


@KINDS
def test_an_empty_picture_has_no_objects(scene: Scene) -> None:
    image, truth = scene.model_copy(update={"fewest": 0, "most": 0})(1)
    assert truth.n == 0
    assert not truth.foreground.any()
    assert len(truth.planes) == 1
    assert image.spatial_shape == truth.shape


@KINDS
def test_a_higher_bar_for_visibility_drops_the_small_and_keeps_the_order(scene: Scene) -> None:
    _, all_of_them = scene.model_copy(update={"least_visible": 1})(2)
    bar = int(np.median(all_of_them.areas)) + 1
    _, large = scene.model_copy(update={"least_visible": bar})(2)
    kept = all_of_them.areas[all_of_them.areas >= bar]
    assert 0 < large.n < all_of_them.n
    np.testing.assert_array_equal(large.areas, kept)
    assert not (large.foreground & ~all_of_them.foreground).any()


@KINDS
def test_a_negative_seed_is_refused(scene: Scene) -> None:
    with pytest.raises(BadArgument, match="-1"):
        scene(-1)


@pytest.mark.parametrize("scene", [Sticks, Rosette, Cells, Nuclei3D])
def test_ranges_the_wrong_way_round_are_refused(scene: type[Scene]) -> None:
    for low, high in scene._ranges:
        bottom, top = getattr(scene(), low), getattr(scene(), high)
        with pytest.raises(BadArgument, match=f"{low} .* must not exceed {high}"):
            scene.from_dict({low: top, high: bottom})


@pytest.mark.parametrize("kind", ["sticks", "rosette", "cells", "nuclei_3d"])
def test_the_family_is_told_apart_by_kind(kind: str) -> None:
    family: TypeAdapter[Scene] = TypeAdapter(Synthetic)
    scene = family.validate_python({"kind": kind, "most": 40})
    assert type(scene)().kind == kind
    assert type(scene).from_toml(scene.to_toml()) == scene
    with pytest.raises(ValidationError):
        family.validate_python({"kind": "clouds"})


@pytest.mark.parametrize("scene", [Sticks, Rosette, Cells, Nuclei3D])
def test_every_field_has_a_help_text_and_the_kind_comes_first(scene: type[Scene]) -> None:
    assert next(iter(scene.model_fields)) == "kind"
    assert all(info.description for info in scene.model_fields.values())


# -- sticks ----------------------------------------------------------------------------------------------------


def test_some_sticks_are_seen_in_several_pieces() -> None:
    _, truth = Sticks()(0)
    pieces = [ndimage.label(mask)[1] for _, _, mask in truth.masks()]
    assert max(pieces) >= 2
    assert min(pieces) == 1


def test_all_sticks_are_counted_where_none_can_hide() -> None:
    counts = {Sticks(size=1024, fewest=3, most=5)(seed)[1].n for seed in range(12)}
    assert counts == {3, 4, 5}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), width=st.integers(4, 20), length=st.integers(24, 200), most=st.integers(1, 30))
def test_sticks_have_the_size_asked_for(seed: int, width: int, length: int, most: int) -> None:
    scene = Sticks(
        size=128, fewest=0, most=most, narrowest=width, widest=width, shortest=length, longest=length, noise=0
    )
    image, truth = scene(seed)
    check(image, truth, scene)
    for label, box, _ in truth.masks():
        diagonal = np.hypot(*(s.stop - s.start for s in box))
        assert diagonal <= length + width + 3
        assert truth.areas[label - 1] <= width * length + 2 * (width + length)


def test_a_lone_stick_has_its_area_and_a_dark_rim() -> None:
    scene = Sticks(size=400, fewest=1, most=1, narrowest=10, widest=10, shortest=100, longest=100, noise=0)
    for seed in range(20):
        image, truth = scene(seed)
        mask = truth.labels == 1
        if mask[[0, -1]].any() or mask[:, [0, -1]].any():
            continue
        assert truth.areas[0] == pytest.approx(1000, rel=0.02)
        core = ndimage.binary_erosion(mask, iterations=4)
        rim = mask & ~ndimage.binary_erosion(mask, iterations=2)
        assert np.asarray(image.data)[core].mean() > 1.2 * np.asarray(image.data)[rim].mean()
        return
    pytest.fail("no stick lay free of the border")


# -- rosettes --------------------------------------------------------------------------------------------------


def test_the_youngest_leaf_lies_whole_on_top_and_old_leaves_are_cut() -> None:
    scene = Rosette(size=192, smallest=70, largest=80, fewest=14, most=14)
    pieces = []
    for seed in range(6):
        _, truth = scene(seed)
        assert truth.n > 10
        pieces.append([ndimage.label(mask, np.ones((3, 3)))[1] for _, _, mask in truth.masks()])
    assert all(counts[-1] == 1 for counts in pieces)
    assert max(max(counts) for counts in pieces) > 1


def test_leaves_grow_smaller_towards_the_youngest() -> None:
    ages = np.zeros(2)
    for seed in range(8):
        _, truth = Rosette(size=192, smallest=70, largest=80, fewest=12, most=12)(seed)
        ages += truth.areas[2:6].mean(), truth.areas[-4:].mean()
    assert ages[0] > 2 * ages[1]


def test_a_rosette_is_no_larger_than_asked_for() -> None:
    for seed in range(6):
        _, truth = Rosette(smallest=40, largest=60, fewest=6, most=6)(seed)
        extent = [np.ptp(axis) for axis in np.nonzero(truth.foreground)]
        assert 40 < max(extent) < 2.6 * 60


def test_clutter_is_never_labelled() -> None:
    """Bare soil shows no green; with clutter some pictures do, as moss, and still nothing is labelled."""
    greenest = {}
    for clutter in (0.0, 1.0):
        pictures = [Rosette(size=96, fewest=0, most=0, clutter=clutter, padding=0.0, noise=0.0)(s) for s in range(10)]
        assert all(truth.n == 0 for _, truth in pictures)
        pixels = np.stack([np.asarray(image.data, float) for image, _ in pictures])
        greenest[clutter] = (pixels[..., 1] - pixels[..., [0, 2]].mean(axis=-1)).max()
    assert greenest[1.0] > greenest[0.0] + 20


def test_a_cut_out_plant_is_black_around_and_whole() -> None:
    for seed in range(6):
        image, truth = Rosette(size=128, smallest=20, largest=30, padding=1.0, noise=0.0)(seed)
        pixels = np.asarray(image.data)
        lit = pixels.any(axis=-1)
        assert (~lit).mean() > 0.3
        assert lit[truth.foreground].mean() > 0.99


# -- cells and nuclei ------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    most=st.integers(1, 40),
    irregularity=st.floats(0, 0.15),
    crowding=st.floats(0, 1),
    stain=st.sampled_from(["body", "membrane"]),
)
def test_cells_are_whole_and_touch(seed: int, most: int, irregularity: float, crowding: float, stain: str) -> None:
    scene = Cells.from_dict(
        {"size": 96, "fewest": 0, "most": most, "irregularity": irregularity, "crowding": crowding, "stain": stain}
    )
    image, truth = scene(seed)
    check(image, truth, scene)
    largest = [np.bincount(ndimage.label(mask)[0].ravel())[1:].max() / mask.sum() for _, _, mask in truth.masks()]
    assert min(largest, default=1) > 0.9


def touching(labels: np.ndarray) -> int:
    """Pairs of neighbouring pixels that belong to two objects."""
    pairs = 0
    for axis in range(labels.ndim):
        a, b = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        pairs += int(((a != b) & (a > 0) & (b > 0)).sum())
    return pairs


def test_crowding_makes_cells_touch() -> None:
    def borders(crowding: float) -> int:
        scene = Cells(crowding=crowding, fewest=25, most=25)
        return sum(touching(scene(seed)[1].labels) for seed in range(3))

    crowded, loose = borders(1.0), borders(0.0)
    assert crowded > 1.5 * loose > 0


def test_a_membrane_shines_at_the_rim_and_a_body_inside() -> None:
    ratios = {}
    for stain in ("body", "membrane"):
        image, truth = Cells.from_dict({"stain": stain})(0)
        inner = sum(ndimage.binary_erosion(truth.labels == k, iterations=4) for k in range(1, truth.n + 1)) > 0
        rim = truth.foreground & ~ndimage.binary_dilation(inner, iterations=2)
        pixels = np.asarray(image.data)
        ratios[stain] = pixels[inner].mean() / pixels[rim].mean()
    assert ratios["membrane"] < 0.9 < 1.1 < ratios["body"]


def test_nuclei_are_round_in_space_and_flat_in_pixels() -> None:
    scene = Nuclei3D(slice_step=2.0, pixel_size=0.5, depth=32, size=160, smallest=8, largest=8, fewest=8, most=8)
    image, truth = scene(1)
    assert image.axes == truth.axes == "zyx"
    assert image.spacing == truth.spacing == (2.0, 0.5, 0.5)
    extents = [[s.stop - s.start for s in box] for _, box, _ in truth.masks()]
    ratio = np.median([z / np.sqrt(y * x) for z, y, x in extents])
    assert ratio == pytest.approx(0.25, rel=0.25)
    assert touching(truth.labels) > 0


def test_blur_is_measured_in_micrometers_and_three_times_as_wide_along_z() -> None:
    """With cubic voxels edges are softer along z; with slices three pixel sizes apart they are not."""
    alone = {"size": 64, "fewest": 1, "most": 1, "smallest": 12.0, "largest": 12.0, "blur": 1.5, "pixel_size": 1.0}
    quiet = {"noise": 0.0, "photons": 1e9}
    steepness = []
    for depth, step in ((24, 3.0), (64, 1.0)):
        image, _ = Nuclei3D.from_dict({**alone, **quiet, "depth": depth, "slice_step": step})(3)
        along_z, along_x = (np.abs(np.diff(np.asarray(image.data, float), axis=axis)).max() for axis in (0, 2))
        steepness.append(along_z / along_x)
    assert steepness[0] > 0.9
    assert steepness[1] < 0.7


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), depth=st.integers(4, 20), step=st.floats(0.3, 4), most=st.integers(0, 20))
def test_any_volume_keeps_its_promises(seed: int, depth: int, step: float, most: int) -> None:
    scene = Nuclei3D(size=32, depth=depth, slice_step=step, fewest=0, most=most)
    image, truth = scene(seed)
    check(image, truth, scene)
    assert image.data.shape == (depth, 32, 32)
    assert np.asarray(image.data).max() <= 4095


# -- the canvas ------------------------------------------------------------------------------------------------


def lay(canvas: Canvas, art: np.ndarray, colour: float, opacity: float = 1.0) -> None:
    canvas.lay((slice(0, art.shape[0]), slice(0, art.shape[1])), art.astype(float), [colour], opacity)


FIRST, SECOND = rows("11111", "....."), rows("..1..", "..1..")


def test_an_opaque_object_hides_what_lies_below() -> None:
    canvas = Canvas(np.zeros((2, 5, 1)))
    lay(canvas, FIRST, 0.5)
    lay(canvas, SECOND, 0.8)
    np.testing.assert_array_equal(canvas.instances().labels, rows("11211", "..2.."))
    np.testing.assert_allclose(canvas.image[..., 0], rows("55855", "..8..") / 10)


def test_a_translucent_object_shares_its_pixels() -> None:
    canvas = Canvas(np.zeros((2, 5, 1)))
    lay(canvas, FIRST, 0.4, opacity=0.5)
    lay(canvas, SECOND, 0.4, opacity=0.5)
    truth = canvas.instances()
    np.testing.assert_array_equal(truth.planes, [rows("11111", "....."), rows("..2..", "..2..")])
    np.testing.assert_allclose(canvas.image[..., 0], rows("22322", "..2..") / 10)


def test_an_opaque_object_hides_translucent_ones_in_all_planes() -> None:
    canvas = Canvas(np.zeros((2, 5, 1)))
    lay(canvas, FIRST, 0.4, opacity=0.5)
    lay(canvas, SECOND, 0.4, opacity=0.5)
    lay(canvas, rows("..111", "....."), 1.0)
    truth = canvas.instances()
    np.testing.assert_array_equal(truth.planes, [rows("11333", "..2..")])  # nothing is shared any more
    assert canvas.image[0, 2, 0] == 1.0


def test_hidden_objects_leave_no_gap_in_the_ids_and_no_empty_plane() -> None:
    canvas = Canvas(np.zeros((2, 5, 1)))
    lay(canvas, FIRST, 0.4, opacity=0.5)
    lay(canvas, SECOND, 0.4, opacity=0.5)
    lay(canvas, rows("..1..", "..1.."), 1.0)
    np.testing.assert_array_equal(canvas.instances().planes, [rows("11211", "..2..")])
    np.testing.assert_array_equal(canvas.instances(least_visible=3).planes, [rows("11.11", ".....")])


def test_pixels_covered_by_half_or_more_are_owned() -> None:
    canvas = Canvas(np.zeros((1, 3, 1)))
    canvas.lay((slice(0, 1), slice(0, 3)), np.array([[0.49, 0.5, 1.0]]), [1.0])
    np.testing.assert_array_equal(canvas.instances().labels, [[0, 1, 1]])
    np.testing.assert_allclose(canvas.image[..., 0], [[0.49, 0.5, 1.0]])


def test_the_background_given_is_not_written_to() -> None:
    background = np.zeros((2, 5, 1))
    lay(Canvas(background), FIRST, 0.5)
    assert not background.any()


# -- packing and texture ---------------------------------------------------------------------------------------


def test_bodies_that_meet_share_the_room_halfway() -> None:
    x = np.arange(9.0)[None]
    whole = (slice(0, 1), slice(0, 9))
    packed = pack((1, 9), [(whole, np.abs(x - 2) / 3), (whole, np.abs(x - 6) / 3)])
    np.testing.assert_array_equal(packed.labels, rows("111112222")[:, :9] * (np.abs(x - 4) < 5))
    assert packed.depth[0, 4] == 0
    assert packed.depth[0, 2] > packed.depth[0, 3] > 0


def test_scattered_bodies_keep_their_distance() -> None:
    rng = np.random.default_rng(0)
    radii = np.linspace(4.0, 9.0, 40)
    centres, placed = scatter(rng, radii, np.array([80.0, 120.0]), 0.9, 0.7)
    apart = np.sqrt(((centres[:, None] - centres) ** 2).sum(-1)) / (radii[placed][:, None] + radii[placed])
    np.fill_diagonal(apart, np.inf)
    assert len(placed) > 20
    assert apart.min() >= 0.9 - 1e-9
    assert apart.min() < 0.95


def test_what_finds_no_room_is_left_out() -> None:
    centres, placed = scatter(np.random.default_rng(0), np.full(50, 10.0), np.array([30.0, 30.0]), 1.0, 1.0)
    assert 1 <= len(centres) == len(placed) < 10


@pytest.mark.parametrize("shape", [(40, 60), (7, 30, 30)])
def test_a_field_is_smooth_and_bounded(shape: tuple[int, ...]) -> None:
    values = field(np.random.default_rng(0), shape, 10.0)
    assert values.shape == shape
    assert np.abs(values).max() <= 1.0
    assert np.ptp(values) > 0.5
    assert np.abs(np.diff(values, axis=-1)).max() < 0.4


def test_shot_noise_grows_with_the_light() -> None:
    rng = np.random.default_rng(0)
    dark, bright = (add_noise(rng, np.full(20_000, light), 0.0, photons=100.0).std() for light in (0.04, 1.0))
    assert (dark, bright) == pytest.approx((0.02, 0.1), rel=0.05)


# -- the samples in the repository -----------------------------------------------------------------------------

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample_data", SAMPLE_DATA / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def decode(path: Path) -> np.ndarray:
    if path.suffix == ".png":
        from PIL import Image as Picture

        with Picture.open(path) as picture:
            return np.asarray(picture)
    import tifffile

    return tifffile.imread(path)


def sample_files(folder: Path) -> list[Path]:
    return sorted(p.relative_to(folder) for s in (".png", ".tif") for p in folder.rglob(f"*{s}"))


def test_the_script_makes_the_samples_pixel_for_pixel(tmp_path: Path) -> None:
    load_script().make(tmp_path)
    assert sample_files(tmp_path) == sample_files(SAMPLE_DATA)
    for path in sample_files(tmp_path):
        fresh, kept = decode(tmp_path / path), decode(SAMPLE_DATA / path)
        assert fresh.dtype == kept.dtype, path
        np.testing.assert_array_equal(fresh, kept, err_msg=str(path))


def test_samples_are_small_and_every_picture_has_its_truth() -> None:
    files = sample_files(SAMPLE_DATA)
    assert sum((SAMPLE_DATA / path).stat().st_size for path in files) < 1_500_000
    images = {(p.parts[0], io.stem(p)) for p in files if p.parts[1] == "images"}
    labels = {(p.parts[0], io.stem(p)) for p in files if p.parts[1] == "labels"}
    assert images == labels
    assert {kind for kind, _ in images} == {"sticks", "leaves", "cells", "nuclei_3d", "translucent", "worms"}
