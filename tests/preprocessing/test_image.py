"""keras.preprocessing.image: the same pictures as Keras 3's legacy module for the same seeds, to the last bit; the numbers of
older generations are in ``test_generations.py``."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from keras.src.legacy.preprocessing import image as keras_image
from PIL import Image

import lamina
from lamina import config, utils
from lamina.dialects import set_dialect
from lamina.layers import Conv2D, Dense, Flatten
from lamina.preprocessing import image
from lamina.preprocessing.image import ImageDataGenerator

# Keras goes by an old path of SciPy's.
pytestmark = pytest.mark.filterwarnings("ignore:Please (import|use):DeprecationWarning")
PICTURES = (np.random.RandomState(0).rand(10, 9, 7, 3) * 255).astype("float32")
CONFIGS: dict[str, dict[str, Any]] = {
    "turned": {"rotation_range": 30},
    "shifted": {"width_shift_range": 0.2, "height_shift_range": 0.3},
    "by pixels": {"width_shift_range": 3, "height_shift_range": [1, 2, 5]},
    "by many pixels": {"height_shift_range": 2.5},
    "sheared": {"shear_range": 20},
    "zoomed": {"zoom_range": 0.3},
    "zoomed between": {"zoom_range": (0.5, 2.0)},
    "channels": {"channel_shift_range": 30.0},
    "flipped": {"horizontal_flip": True, "vertical_flip": True},
    "bright": {"brightness_range": (0.3, 1.5)},
    "rescaled": {"rescale": 1 / 255},
    "samplewise": {"samplewise_center": True, "samplewise_std_normalization": True},
    "featurewise": {"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 0.1},
    "whitened": {"featurewise_center": True, "zca_whitening": True},
    "all": {"rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2, "shear_range": 0.2,
            "zoom_range": 0.2, "channel_shift_range": 10, "horizontal_flip": True, "vertical_flip": True,
            "fill_mode": "reflect", "brightness_range": (0.5, 1.5), "rescale": 1 / 255, "interpolation_order": 0},
    "function": {"rotation_range": 20, "fill_mode": "constant", "cval": 3.0, "preprocessing_function": lambda x: x + 1},
    "part": {"validation_split": 0.4},
    "channels first": {"rotation_range": 15, "data_format": "channels_first", "samplewise_center": True},
}  # fmt: skip
FIT = {"featurewise", "whitened"}


@pytest.fixture(autouse=True)
def _modern_again():
    yield
    set_dialect(None)


def same(found: Any, expected: Any, where: str = "") -> None:
    if isinstance(expected, (tuple, list)) and not all(np.isscalar(one) for one in expected):
        assert len(found) == len(expected), where
        for at, (one, other) in enumerate(zip(found, expected, strict=True)):
            same(one, other, f"{where}[{at}]")
        return
    np.testing.assert_array_equal(found, expected, err_msg=where)
    assert np.asarray(found).dtype == np.asarray(expected).dtype, where


def flowed(module: Any, name: str, batch_size: int) -> list[Any]:
    x = PICTURES.transpose(0, 3, 1, 2) if name == "channels first" else PICTURES
    y = np.arange(10) % 2
    np.random.seed(3)
    generator = module.ImageDataGenerator(**CONFIGS[name])
    if name in FIT:
        generator.fit(x, augment=True, rounds=2, seed=5)
    subset = {"subset": "training"} if name == "part" else {}
    iterator = generator.flow(x, y, batch_size=batch_size, seed=7, **subset)
    found: list[Any] = [next(iterator) for _ in range(6)]
    iterator = generator.flow(x, y, batch_size=batch_size, sample_weight=np.arange(10.0))
    found += [iterator[at] for at in range(len(iterator))]
    iterator.on_epoch_end()
    return [*found, iterator[0], np.random.rand()]


@pytest.mark.parametrize("batch_size", [4, 5, 32])
@pytest.mark.parametrize("name", CONFIGS)
def test_generators_are_keras_s(name: str, batch_size: int):
    same(flowed(image, name, batch_size), flowed(keras_image, name, batch_size))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("random_rotation", (30,)),
        ("random_shift", (0.2, 0.3)),
        ("random_shear", (20,)),
        ("random_zoom", ((0.5, 1.5),)),
        ("random_channel_shift", (20.0,)),
        ("random_brightness", ((0.5, 1.5),)),
        ("apply_brightness_shift", (1.3,)),
        ("apply_channel_shift", (4.0,)),
        ("apply_affine_transform", (20, 1, 2, 10, 0.9, 1.1)),
        ("flip_axis", (1,)),
    ],
)
def test_functions_are_keras_s(name: str, arguments: tuple[Any, ...]):
    found = []
    for module in (image, keras_image):
        np.random.seed(1)
        x = PICTURES[0] if "bright" in name else PICTURES[0].transpose(2, 0, 1)
        found.append(getattr(module, name)(x.copy(), *arguments))
    same(*found)


# ---- files ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of five pictures each, one of which lies deeper, and a file that is none."""
    top, random = tmp_path_factory.mktemp("pictures"), np.random.RandomState(1)
    for name in ("cats", "dogs", "eels"):
        (top / name / "in").mkdir(parents=True)
        for number in range(5):
            where = top / name / (f"in/{number}.png" if number == 4 else f"{number}.{'jpg' if number % 2 else 'png'}")
            Image.fromarray((random.rand(11, 8 + number, 3) * 255).astype("uint8")).save(where)
    (top / "cats" / "readme.txt").write_text("no picture")
    return top


@pytest.fixture(scope="module")
def frame(folder: Path) -> pd.DataFrame:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.suffix in (".png", ".jpg"))
    frame = pd.DataFrame({"filename": names, "class": [name[:4] for name in names]})
    frame["value"], frame["weight"] = np.arange(15.0), np.arange(15)
    frame["many"] = [["cats"], ["dogs", "cats"], ["eels"]] * 5
    return frame


def generators(**more: Any) -> list[Any]:
    return [module.ImageDataGenerator(rescale=1 / 255, rotation_range=20, horizontal_flip=True, validation_split=0.4, **more)
            for module in (image, keras_image)]  # fmt: skip


def iterated(iterator: Any) -> list[Any]:
    return [*[next(iterator) for _ in range(5)], iterator[0], iterator[1], iterator.samples, len(iterator)]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"class_mode": "binary", "classes": ["dogs", "cats"]},
        {"class_mode": "sparse", "color_mode": "grayscale"},
        {"class_mode": "input", "color_mode": "rgba"},
        {"class_mode": None, "interpolation": "bicubic", "shuffle": False},
        {"subset": "validation"},
        {"subset": "training", "keep_aspect_ratio": True, "interpolation": "bilinear"},
    ],
)
def test_folders_are_read_as_keras_reads_them(
    arguments: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]
):
    found = []
    for generator in generators():
        iterator = generator.flow_from_directory(str(folder), target_size=(6, 5), batch_size=4, seed=2, **arguments)
        assert capsys.readouterr().out.startswith("Found ")
        found.append((iterator.filenames, iterator.filepaths, iterator.class_indices, iterator.classes.tolist(),
                      iterated(iterator)))  # fmt: skip
    assert found[0][:4] == found[1][:4]
    same(found[0][4], found[1][4])


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"class_mode": "binary", "classes": ["dogs", "cats"]},
        {"class_mode": "sparse", "weight_col": "weight"},
        {"class_mode": "raw", "y_col": "value"},
        {"class_mode": "raw", "y_col": ["value", "weight"]},
        {"class_mode": "multi_output", "y_col": ["value", "weight"]},
        {"y_col": "many"},
        {"y_col": "many", "classes": ["eels", "cats"]},
        {"class_mode": None},
        {"class_mode": "input"},
        {"subset": "validation"},
        {"validate_filenames": False},
    ],
)
def test_data_frames_are_read_as_keras_reads_them(arguments: dict[str, Any], frame: pd.DataFrame, folder: Path, capsys):
    before = frame.copy()
    found = []
    for generator in generators():
        iterator = generator.flow_from_dataframe(frame, folder, target_size=(6, 5), batch_size=4, seed=2, **arguments)
        found.append((iterated(iterator), capsys.readouterr().out))
    same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    pd.testing.assert_frame_equal(frame, before)


def test_files_that_are_not_there_are_left_out(frame: pd.DataFrame, folder: Path):
    rows = pd.concat([frame, pd.DataFrame({"filename": ["cats/none.png"], "class": ["cats"]})])
    with pytest.warns(UserWarning, match=r"1 of 16 rows of the data frame name no picture .* 'cats/none.png'|none.png"):
        iterator = ImageDataGenerator().flow_from_dataframe(rows, folder)
    assert iterator.samples == 15


def test_changed_pictures_are_written(folder: Path, tmp_path: Path):
    iterator = ImageDataGenerator().flow(
        PICTURES, batch_size=3, save_to_dir=str(tmp_path), save_prefix="a", shuffle=False
    )
    next(iterator)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.rsplit("_", 1)[0] for name in names] == ["a_0", "a_1", "a_2"]
    assert all(name.endswith(".png") for name in names)
    set_dialect("keras1")
    next(ImageDataGenerator().flow_from_directory(str(folder), save_to_dir=str(tmp_path)))
    assert len(list(tmp_path.glob("*.jpeg"))) == 15


@pytest.mark.parametrize("arguments", [
    {}, {"color_mode": "grayscale"}, {"color_mode": "rgba", "target_size": (4, 6)},
    {"target_size": (30, 7), "interpolation": "lanczos"}, {"target_size": (5, 5), "keep_aspect_ratio": True},
])  # fmt: skip
def test_files_to_arrays_and_back(arguments: dict[str, Any], folder: Path, tmp_path: Path):
    path, arrays = folder / "cats" / "1.jpg", []
    for number, module in enumerate((utils, keras_image.image_utils)):
        picture = module.load_img(path, **arguments)
        array = module.img_to_array(picture, data_format="channels_last")
        module.save_img(tmp_path / f"{number}.png", array / 3 - 20)
        arrays.append((array, module.img_to_array(module.array_to_img(array + 7, scale=False)),
                       np.asarray(Image.open(tmp_path / f"{number}.png"))))  # fmt: skip
    same(*arrays)


def test_older_words_of_pictures(folder: Path):
    path = str(folder / "cats" / "1.jpg")
    for dialect, arguments in (
        ("keras1", (True, (4, 5))),
        ("keras2", (True, "rgb", (4, 5))),
        ("tf_keras", (True, "rgb", (4, 5))),
    ):
        set_dialect(dialect)
        picture = image.load_img(path, *arguments)
        assert (picture.mode, picture.size) == ("L", (5, 4))
        assert image.img_to_array(picture, dim_ordering="th").shape == (1, 4, 5)
    set_dialect("keras1")
    generator = ImageDataGenerator(False, False, False, False, False, 0.5, 0.1, 0.2, dim_ordering="th")
    assert (generator.rotation_range, generator.width_shift_range, generator.data_format) == (
        0.5,
        0.1,
        "channels_first",
    )
    iterator = ImageDataGenerator().flow(X=PICTURES, y=np.arange(10), batch_size=4)
    assert len(next(iterator)[0]) == 4
    assert image.list_pictures(str(folder), ext="png|bmp") != []


# ---- training ------------------------------------------------------------------------------------------------------


def classifier() -> Any:
    lamina.utils.set_random_seed(0)
    model = lamina.Sequential([Conv2D(4, (3, 3), activation="relu", input_shape=(6, 5, 3)), Flatten(),
                               Dense(3, activation="softmax")])  # fmt: skip
    model.compile(loss="categorical_crossentropy", optimizer="sgd")
    return model


@pytest.mark.parametrize("dialect", ["keras1", "keras2", "tf_keras", None])
def test_models_train_on_what_their_generation_trained_on(dialect: str | None, folder: Path):
    """The loop takes the batches that this generation's loop took: by ``next`` in Keras 1, by number later."""
    set_dialect(dialect)
    seen: list[np.ndarray] = []
    expected: list[np.ndarray] = []
    for batches in (seen, expected):
        generator = ImageDataGenerator(preprocessing_function=lambda x, batches=batches: batches.append(x.copy()) or x,
                                       rotation_range=20)  # fmt: skip
        iterator = generator.flow_from_directory(str(folder), target_size=(6, 5), batch_size=4, seed=1)
        if batches is seen and dialect == "keras1":
            classifier().fit_generator(iterator, samples_per_epoch=15, nb_epoch=2, verbose=0)
        elif batches is seen:
            classifier().fit(iterator, epochs=2, verbose=0, shuffle=False)
        elif dialect == "keras1":
            for _ in range(8):
                next(iterator)
        else:
            for _ in range(2):
                for number in range(4):
                    iterator[number]
                iterator.on_epoch_end()
    assert len(seen) == len(expected) == 30
    same(seen, expected)


def test_all_loops_take_iterators(folder: Path):
    model = classifier()
    iterator = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        str(folder), target_size=(6, 5), batch_size=4, shuffle=False
    )
    history = model.fit_generator(
        iterator, steps_per_epoch=4, epochs=2, validation_data=iterator, validation_steps=2, workers=2
    )
    assert history.params["steps"] == 4
    assert np.isfinite([*history.history["loss"], *history.history["val_loss"]]).all()
    whole = np.concatenate([iterator[number][0] for number in range(4)])
    np.testing.assert_allclose(model.predict_generator(iterator, steps=4), model.predict(whole), rtol=1e-5)
    y = np.concatenate([iterator[number][1] for number in range(4)])
    np.testing.assert_allclose(model.evaluate_generator(iterator, steps=4), model.evaluate(whole, y), rtol=1e-5)


# ---- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ImageDataGenerator(zoom_range=(1, 2, 3)), "zoom_range must be a number, or two factors"),
        (lambda: ImageDataGenerator(brightness_range=1), "brightness_range must be two factors"),
        (lambda: ImageDataGenerator(validation_split=2), "validation_split must be a fraction between 0 and 1"),
        (lambda: ImageDataGenerator(data_format="last"), "data_format must be 'channels_last' or 'channels_first'"),
        (lambda: ImageDataGenerator().flow(PICTURES[0]), "four axes, a row a picture"),
        (lambda: ImageDataGenerator().flow(PICTURES, np.arange(3)), "as many rows as there are pictures, 10, and y has 3"),
        (lambda: ImageDataGenerator(validation_split=0.5).flow(PICTURES, np.arange(10), subset="training"),
         "different classes"),
        (lambda: ImageDataGenerator().flow(PICTURES)[9], "has 1 batches, and was asked for number 9"),
        (lambda: ImageDataGenerator().flow_from_directory(".", color_mode="grey"), "color_mode must be"),
        (lambda: ImageDataGenerator().flow_from_directory(".", class_mode="raw"), "class_mode must be one of"),
        (lambda: ImageDataGenerator().fit(PICTURES[0]), "fit takes an array of four axes"),
        (lambda: image.random_zoom(PICTURES[0], 0.5), "zoom_range must be two numbers"),
        (lambda: image.array_to_img(PICTURES), "the array of one picture"),
        (lambda: image.array_to_img(PICTURES[0, :, :, :2]), "has 1, 3 or 4 channels"),
        (lambda: image.apply_affine_transform(PICTURES[0], 10, row_axis=0, col_axis=0), "three axes"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call: Any, message: str):
    with pytest.raises(ValueError, match=message):
        call()


def test_normalization_that_was_not_fit_is_left_out_with_a_warning():
    with pytest.warns(UserWarning, match="call fit"):
        ImageDataGenerator(featurewise_center=True).standardize(PICTURES[0].copy())
    with pytest.warns(UserWarning, match="goes with featurewise_center=True"):
        assert ImageDataGenerator(zca_whitening=True).featurewise_center


@pytest.mark.parametrize(
    ("package", "call", "says"),
    [("PIL", lambda: image.array_to_img(PICTURES[0]), "array_to_img needs Pillow: pip install 'lamina[image]'."),
     ("scipy", lambda: image.random_rotation(PICTURES[0], 10), "needs SciPy: pip install 'lamina[image]'.")],
)  # fmt: skip
def test_without_the_extra_one_sentence_names_it(package: str, call: Any, says: str, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=says.replace("[", r"\[")):
        call()


def test_a_whole_generator_changes_no_array_of_the_user_s():
    x = PICTURES.copy()
    next(ImageDataGenerator(rescale=0.5, samplewise_center=True).flow(x, batch_size=4))
    np.testing.assert_array_equal(x, PICTURES)


def test_what_is_found_is_said_in_chinese(folder: Path, capsys: pytest.CaptureFixture[str]):
    config.set_language("zh")
    try:
        ImageDataGenerator().flow_from_directory(str(folder))
    finally:
        config.set_language("auto")
    assert capsys.readouterr().out == "找到 15 张图片，属于 3 个类别。\n"


def test_smart_resize_is_keras_s():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = keras_image.image_utils.smart_resize(PICTURES, (4, 6))
    np.testing.assert_allclose(image.smart_resize(PICTURES, (4, 6)), expected, rtol=1e-5, atol=1e-4)
