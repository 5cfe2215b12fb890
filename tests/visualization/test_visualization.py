"""Colours over pictures, number by number, and what a gallery shows, beside Keras's."""

from __future__ import annotations

import sys

import keras
import matplotlib as mpl
import numpy as np
import pytest
import torch

from lamina import visualization

mpl.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras's own
RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (3, 6, 5, 3)).astype("uint8")
MASKS = RNG.integers(0, 4, (3, 6, 5, 1)).astype("int32")
COLOURS = {0: (1, 2, 3), 1: (255, 0, 9), 2: (0, 200, 100), 3: (7, 7, 7)}

CASES = {
    "all classes": {"num_classes": 4},
    "more classes": {"num_classes": 9},
    "colours": {"num_classes": 4, "color_mapping": COLOURS},
    "alpha": {"num_classes": 4, "alpha": 0.3},
    "opaque": {"num_classes": 4, "alpha": 1.0},
    "background": {"num_classes": 4, "ignore_index": 0},
    "without another": {"num_classes": 4, "ignore_index": 2},
    "over the picture": {"num_classes": 4, "blend": False},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "kind", [np.asarray, torch.as_tensor, lambda x: np.asarray(x, x.dtype if x.dtype == "int32" else "float32")]
)
def test_masks_are_drawn_as_by_keras(case, kind):
    theirs = keras.visualization.draw_segmentation_masks(kind(PICTURES), kind(MASKS), **CASES[case])
    ours = visualization.draw_segmentation_masks(kind(PICTURES), kind(MASKS), **CASES[case])
    assert ours.dtype == "uint8"
    np.testing.assert_array_equal(ours, keras.ops.convert_to_numpy(theirs).astype("uint8"))


def test_channels_first_and_masks_of_three_axes():
    expected = visualization.draw_segmentation_masks(PICTURES, MASKS, 4)
    first = PICTURES.transpose(0, 3, 1, 2), MASKS.transpose(0, 3, 1, 2)
    theirs = keras.visualization.draw_segmentation_masks(*first, num_classes=4, data_format="channels_first")
    np.testing.assert_array_equal(
        theirs, visualization.draw_segmentation_masks(*first, 4, data_format="channels_first")
    )
    np.testing.assert_array_equal(theirs, expected)
    np.testing.assert_array_equal(
        expected, visualization.draw_segmentation_masks(PICTURES, MASKS[..., 0])
    )  # Keras fails


def test_wrong_pictures_and_masks_are_refused():
    for module in (keras.visualization, visualization):
        with pytest.raises(ValueError, match=r"4D|four axes"):
            module.draw_segmentation_masks(PICTURES[0], MASKS)
        with pytest.raises(TypeError, match=r"integer|whole numbers"):
            module.draw_segmentation_masks(PICTURES, MASKS.astype("float32"))
    with pytest.raises(ValueError, match="the class of each pixel"):
        visualization.draw_segmentation_masks(PICTURES, MASKS[:, :3])


# ---- galleries -----------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch):
    """What was shown: the pictures, their titles, and whether and how it was saved."""
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    seen: list = []
    monkeypatch.setattr(Axes, "imshow", lambda axes, image, **kwargs: seen.append(np.asarray(image).copy()))
    monkeypatch.setattr(Axes, "set_title", lambda axes, title, **kwargs: seen.append(title))
    monkeypatch.setattr(plt, "show", lambda: seen.append("show"))
    save = {"pad_inches": 0, "bbox_inches": "tight", "transparent": True, "dpi": 60}
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, path=None, fname=None, **how: seen.append(("save", how == save))
    )
    monkeypatch.setattr(plt, "savefig", lambda fname, **how: seen.append(("save", how == save)))
    yield seen
    plt.close("all")


def both(seen, name, *args, **kwargs):
    told = []
    for module in (keras.visualization, visualization):
        seen.clear()
        assert getattr(module, name)(*args, **kwargs) is None
        told.append([(one.shape, one.tolist()) if isinstance(one, np.ndarray) else one for one in seen])
    assert told[0] == told[1]
    assert told[0]


NAMES = {0: "cat", 1: "dog"}


@pytest.mark.parametrize("arguments", [
    {}, {"rows": 1, "cols": 4}, {"rows": 4, "cols": 1}, {"rows": 1, "cols": 2}, {"path": "x.png"}, {"show": False},
    {"value_range": (0, 1)}, {"value_range": (-1, 1)}, {"y_true": np.array([0, 1, 0, 7]), "label_map": NAMES},
    {"y_true": np.array([0, 1, 0, 1]), "y_pred": np.array([1, 1]), "label_map": NAMES}, {"scale": 1},
])  # fmt: skip
def test_a_gallery_shows_what_keras_s_shows(shown, arguments):
    pictures = RNG.integers(0, 256, (4, 5, 6, 3)).astype("float32")
    low, high = arguments.get("value_range", (0, 255))
    both(shown, "plot_image_gallery", pictures / 255 * (high - low) + low, **arguments)


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_no_picture_is_left_out(shown, count):
    """Keras's leaves out those that don't fill a square: of five pictures it shows three."""
    visualization.plot_image_gallery(np.zeros((count, 4, 4, 3)), show=False)
    assert len(shown) == count


@pytest.mark.parametrize("arguments", [{}, {"y_true": MASKS}, {"y_true": MASKS, "y_pred": MASKS[::-1]}, {"y_pred": MASKS},
                                       {"y_true": MASKS, "alpha": 0.2, "ignore_index": 0}])  # fmt: skip
def test_a_gallery_of_masks(shown, arguments):
    both(shown, "plot_segmentation_mask_gallery", PICTURES, 4, **arguments)


def test_a_gallery_of_masks_with_channels_first(shown):
    both(shown, "plot_segmentation_mask_gallery", PICTURES, 4, y_true=MASKS)
    expected = [one.tolist() for one in shown if isinstance(one, np.ndarray)]
    shown.clear()
    visualization.plot_segmentation_mask_gallery(PICTURES.transpose(0, 3, 1, 2), 4, y_true=MASKS.transpose(0, 3, 1, 2),
                                                 data_format="channels_first")  # fmt: skip
    assert [one.tolist() for one in shown if isinstance(one, np.ndarray)] == expected


def test_a_gallery_is_saved(tmp_path):
    visualization.plot_image_gallery(PICTURES, path=tmp_path / "x.png", y_true=torch.tensor([0, 1, 0]), label_map=NAMES)
    assert (tmp_path / "x.png").read_bytes()[:4] == b"\x89PNG"


def test_wrong_calls_of_galleries_are_refused(monkeypatch):
    for module in (keras.visualization, visualization):
        with pytest.raises(ValueError, match="path"):
            module.plot_image_gallery(PICTURES, path="x.png", show=True)
        with pytest.raises(ValueError, match="label_map"):
            module.plot_image_gallery(PICTURES, y_true=[1, 2, 3])
        with pytest.raises(ValueError, match=r"batch|four axes"):
            module.plot_image_gallery(PICTURES[0])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    with pytest.raises(ImportError, match=r"^plot_image_gallery needs matplotlib: pip install 'lamina\[plot\]'\.$"):
        visualization.plot_image_gallery(PICTURES)
