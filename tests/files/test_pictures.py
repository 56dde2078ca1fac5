"""Pictures as people have them, through the one reader of all."""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atsc_keras.errors import InputError
from atsc_keras.files.picture_folders import (
    Unused,
    describe,
    list_pictures,
    say_if_faint,
    say_unused,
)
from atsc_keras.files.pictures import ImageReader, common_form
from tests.picture_files import (
    BESIDE,
    DAMAGED,
    SIDE,
    encoded,
    forms,
    grey_of,
    png_of_words,
    save,
    smooth,
    tiff_of_words,
    turned,
)

FORMS = forms()
PAGE = Path(__file__).parents[2] / "docs" / "export" / "clients.md"


@pytest.mark.parametrize("name", FORMS)
def test_every_form_shows_its_picture(name: str, tmp_path: Path) -> None:
    content, shown, off = FORMS[name]
    path = save(tmp_path, {name: content}) / name
    for channels, expected in ((3, shown), (1, grey_of(shown)[..., None])):
        reader = ImageReader((SIDE, SIDE), channels)
        found = reader(path)
        assert found.dtype == np.uint8
        difference = np.abs(found.astype(int) - expected)
        assert difference.max() <= off
        # A window of all is the picture, resized in the same way.
        whole = reader.whole(path)
        np.testing.assert_array_equal(whole, found)
        small = ImageReader((5, 4), channels)
        np.testing.assert_array_equal(
            small.window(whole, (0, 0, SIDE, SIDE)), small(path)
        )
    grey = name.startswith(("grey", "words_", "black"))
    assert common_form([path], None) == ((SIDE, SIDE), 1 if grey else 3)


@pytest.mark.parametrize("kind", ["png", "tiff", "webp", "jpeg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_is_that_of_the_upright_picture(
    kind: str, orientation: int, tmp_path: Path
) -> None:
    shown = smooth(12, 18)
    path = tmp_path / f"photo.{kind}"
    options = {"jpeg": {"quality": 98}, "webp": {"lossless": True}}
    path.write_bytes(turned(shown, orientation, kind, **options.get(kind, {})))
    assert common_form([path], None) == ((12, 18), 3)
    found = ImageReader((12, 18), 3).whole(path)
    assert np.abs(found.astype(int) - shown).max() <= (kind == "jpeg") * 16


@pytest.fixture(scope="module")
def read_picture() -> Callable[..., np.ndarray]:
    """What `docs/export/clients.md` shows for clients without this package."""
    (block,) = (
        block
        for block in re.findall(
            r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
        )
        if "def read_picture" in block
    )
    names: dict[str, Any] = {}
    exec(block, names)
    return names["read_picture"]


# Left out there, for brevity: TIFF's inverted and 12 bits.
@pytest.mark.parametrize(
    "name", [n for n in FORMS if "_0_" not in n and "_12" not in n]
)
def test_clients_read_as_training_does(
    name: str, read_picture: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    path = save(tmp_path, {name: FORMS[name][0]}) / name
    for form in ((5, 4, 1), (5, 4, 3), (5, 4, 3, 7), (5, 4, 1, 27)):
        expected = ImageReader(form[:2], *form[2:])(path)
        found = read_picture(path, *form)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found[0], expected)


def test_clients_start_no_interpreter(
    read_picture: Callable[..., np.ndarray],
) -> None:
    for name in ("script.png", "poster.png"):
        with pytest.raises((OSError, Image.DecompressionBombError)):
            read_picture(io.BytesIO(DAMAGED[name]), 4, 4, 3)


def test_unknown_orientation_is_none(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    shown = smooth(12, 18)
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(Image.fromarray(shown), "png", exif=exif))
    assert common_form([path], None) == ((12, 18), 3)
    np.testing.assert_array_equal(ImageReader((12, 18), 3).whole(path), shown)


def test_transparent_picture_keeps_its_alpha_in_four_channels(
    tmp_path: Path,
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), "uint8")
    path = tmp_path / "clear.png"
    path.write_bytes(encoded(Image.fromarray(pixels), "png"))
    found = ImageReader((SIDE, SIDE), 4)(path)
    np.testing.assert_array_equal(found, pixels)


def test_large_pictures_shrink_by_the_mean_of_what_they_show(
    tmp_path: Path,
) -> None:
    # Halved bilinearly, antialiased: the weights 1, 3, 3, 1 of four pixels.
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24), "uint8")
    path = tmp_path / "large.png"
    path.write_bytes(encoded(Image.fromarray(pixels), "png"))
    found = ImageReader((12, 12), 1)(path)[..., 0]
    weights = np.zeros((12, 24))
    for row in range(12):
        for place, weight in zip(range(-1, 3), (1, 3, 3, 1), strict=True):
            if 0 <= 2 * row + place < 24:
                weights[row, 2 * row + place] = weight
    weights /= weights.sum(1, keepdims=True)
    expected = weights @ pixels @ weights.T
    assert np.abs(found - expected).max() <= 1  # rounded twice


# Height, width, short side: one side comes to a half, one grows, one stays.
@pytest.mark.parametrize(
    "sizes", [(200, 301, 100), (301, 200, 9), (7, 30, 12), (16, 16, 16)]
)
def test_clients_cut_as_training_does(
    sizes: tuple[int, int, int],
    read_picture: Callable[..., np.ndarray],
    tmp_path: Path,
) -> None:
    *shape, side = sizes
    path = tmp_path / "wide.png"
    path.write_bytes(encoded(Image.fromarray(smooth(*shape)), "png"))
    expected = ImageReader((6, 9), 3, side)(path)
    np.testing.assert_array_equal(
        read_picture(path, 6, 9, 3, side)[0], expected
    )


def test_centre_of_a_long_picture_is_made_alone(
    read_picture: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    # Resized whole, it would have 19 billion pixels.
    path = tmp_path / "line.png"
    path.write_bytes(encoded(Image.new("L", (300_000, 1), 7), "png"))
    for read in (
        ImageReader((224, 224), 1, 256)(path),
        read_picture(path, 224, 224, 1, 256),
    ):
        assert (read == 7).all()


@pytest.mark.parametrize("name", DAMAGED)
def test_no_picture_gets_one_message_with_its_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.Popen", start)
    path = save(tmp_path, {name: DAMAGED[name]}) / name
    with pytest.raises(InputError, match=f"Received: .*{name}") as caught:
        ImageReader((4, 4), 3)(path)
    assert "\n" not in str(caught.value)
    if name == "apple.jpg":
        assert "HEIC" in str(caught.value)
    if not name.startswith("cut"):  # the header alone says it
        with pytest.raises(InputError, match=name):
            common_form([path], 4)


def test_pictures_lie_in_folders_at_any_depth(tmp_path: Path) -> None:
    content = FORMS["plain.png"][0]
    places = [tmp_path / "b", tmp_path / "a" / "2024-05-01", tmp_path]
    for place in places:
        save(place, {"0.png": content, "1.TIF": content})
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path / "nowhere")
    for hidden in (".ipynb_checkpoints", "__MACOSX", "@eaDir"):
        save(tmp_path / "a" / hidden, {"0.png": content})
    unused = Unused()
    found = list_pictures(tmp_path, unused)
    assert found == sorted(p / n for p in places for n in ("0.png", "1.TIF"))
    words = describe(unused)
    for part in (
        "1 folder .ipynb_checkpoints (hidden)",
        "1 folder __MACOSX (hidden)",
        "1 folder @eaDir (hidden)",
        "1 without an ending (no file)",
    ):
        assert part in words
    assert list_pictures(tmp_path / "missing") == []


def test_what_is_not_used_is_counted_and_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path, {name: content for name, (content, _) in BESIDE.items()})
    os.mkfifo(tmp_path / "pipe.png")
    unused = Unused()
    assert list_pictures(tmp_path, unused) == []
    for _ in range(2):
        say_unused(tmp_path, unused)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"Not used in {tmp_path}: ")
    for _, reason in BESIDE.values():
        assert reason in line
    assert "1 .png (no file)" in line
    assert unused.total() == len(BESIDE) + 1
    say_unused(tmp_path, Unused())
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("largest", "said"), [(4095, "beyond 15 of 255"), (65535, "")]
)
def test_12_bits_in_16_are_said_once(
    largest: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = np.linspace(0, largest, 256).astype("int64").reshape(16, 16)
    files = {
        "deep.png": png_of_words(words, 0),
        "plain.png": FORMS["plain.png"][0],
        # Its header says that it has 12 bits.
        "said.tif": tiff_of_words(words % 4096, "<", 1, 12),
    }
    save(tmp_path, files)
    for names in (["deep.png", "plain.png"], ["said.tif"]):
        for _ in range(2):
            say_if_faint(tmp_path, [tmp_path / name for name in names])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == bool(said)
    assert said in "".join(lines)
    say_if_faint(tmp_path, [])


def test_many_endings_are_summed_up() -> None:
    unused = Unused({(f".x{n}", "odd"): 2 for n in range(12)})
    words = describe(unused)
    assert words.count("(odd)") == 8
    assert words.endswith("8 others")
