"""The demo page in a real browser: right logits, right words, no network."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from atsc_keras.files.pictures import ImageReader
from tests.clients.conftest import KINDS, SHORT_SIDE, Exported
from tests.export.tiny_onnx import SHAPE, logits
from tests.picture_files import forms, smooth, turned
from tools.browser import Page, served
from tools.cases import LIMIT

# A page shows a share of 1 as a percentage with one decimal.
ROUNDING = 0.0005 + 1e-6


@pytest.fixture
def colour_page(
    chromium: Page, demo_page: Callable[[str], Path]
) -> Iterator[Page]:
    """The page of the colour model, opened from a server."""
    with served(demo_page("colour")) as address:
        chromium.open(address)
        yield chromium


@pytest.fixture
def colour(exported: Callable[[str], Exported]) -> Exported:
    return exported("colour")


def save_picture(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def after(page: Page, action: Callable[[], object]) -> tuple[str, float]:
    """The first class of the next result that an action brings."""
    before = page.evaluate("document.body.dataset.shown ?? ''")
    action()
    page.wait_for(f"(document.body.dataset.shown ?? '') !== '{before}'")
    shown = (".class", ".share", "#answer")
    name, percent, said = page.evaluate(
        f"{json.dumps(shown)}.map((selector) => "
        "document.querySelector(selector).textContent)"
    )
    assert said == f"{name}, {percent}"
    return name, float(percent.removesuffix(" %")) / 100


def problem_after(page: Page, action: Callable[[], object]) -> str:
    action()
    page.wait_for("!document.querySelector('#problem').hidden")
    return page.evaluate("document.querySelector('#problem').innerText")


def assert_is(result: tuple[str, float], model: Exported, index: int) -> None:
    name, share = result
    assert name == model.name(index)
    assert share == pytest.approx(model.share(index), abs=ROUNDING)


@pytest.mark.parametrize("from_file", [False, True], ids=["served", "file"])
@pytest.mark.parametrize("kind", KINDS)
def test_page_gives_kerass_logits(
    kind: str,
    from_file: bool,
    chromium: Page,
    exported: Callable[[str], Exported],
    demo_page: Callable[[str], Path],
) -> None:
    model, folder = exported(kind), demo_page(kind)
    with served(folder) as address:
        if from_file:
            address = folder.as_uri() + "/"
        chromium.open(address + "index.html")
        difference = np.abs(chromium.classify(model.images) - model.logits)
        print(f"{kind}: max difference {difference.max():.1e}")
        assert difference.max() <= LIMIT
        # Samples are classified from their exact pixels. The first one was
        # when the page opened.
        for index in (1, 2):
            button = f"#samples li:nth-child({index + 1}) button"
            result = after(chromium, lambda b=button: chromium.click(b))
            assert_is(result, model, index)
        chromium.wait_for("document.body.dataset.median !== undefined")
        assert not chromium.messages
        # Its own files, and the runtime that it unpacks; nothing else.
        for request in chromium.requests:
            assert request.removeprefix("blob:").startswith(
                address if not from_file else ("file://", "null/")
            )


def test_page_says_what_it_runs(colour_page: Page) -> None:
    text = colour_page.evaluate("document.body.innerText")
    for words in (
        *("student", "Input 10 × 12, colour, float32", "4 classes"),
        *("Model", "kB", "is resized to 10 × 12, as in training"),
        *("onnxruntime-web 1.30.0", "The first run after loading took"),
    ):
        assert words in text
    assert colour_page.evaluate("document.title") == "student"


def test_browser_refuses_every_request_of_the_page(colour_page: Page) -> None:
    code = "fetch('model.js').then(() => 'sent', () => 'refused')"
    assert colour_page.evaluate(code) == "refused"
    colour_page.messages.clear()


def test_dropped_and_chosen_files_are_classified(
    colour_page: Page, colour: Exported, tmp_path: Path
) -> None:
    files = [
        save_picture(tmp_path / f"{index}.png", colour.images[index])
        for index in (3, 4)
    ]
    drop = after(colour_page, lambda: colour_page.drop("main", files[0]))
    assert_is(drop, colour, 3)
    choose = after(
        colour_page, lambda: colour_page.choose_file("#file", files[1])
    )
    assert_is(choose, colour, 4)


def test_sample_is_chosen_by_keyboard(
    colour_page: Page, colour: Exported
) -> None:
    colour_page.evaluate("document.querySelector('#file').focus()")

    def walk() -> None:
        for _ in range(6):
            colour_page.press("Tab", 9)
        colour_page.press("Enter", 13)

    assert_is(after(colour_page, walk), colour, 5)
    pressed = "[...document.querySelectorAll('[aria-pressed=true] img')]"
    names = colour_page.evaluate(f"{pressed}.map((image) => image.alt)")
    assert names == ["Sample 6"]


def test_pasted_picture_is_classified(
    colour_page: Page, colour: Exported
) -> None:
    paste = (
        "(async (index) => { const data = new DataTransfer(); "
        "const [, text] = DEMO.samples[index].split(','); "
        "const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)); "
        "data.items.add(new File([bytes], 'a.png', {type: 'image/png'})); "
        "document.dispatchEvent(new ClipboardEvent('paste', "
        "{clipboardData: data})); })(6)"
    )
    result = after(colour_page, lambda: colour_page.evaluate(paste))
    assert_is(result, colour, 6)


def test_photo_is_classified_as_python_reads_it(
    colour_page: Page, colour: Exported, tmp_path: Path
) -> None:
    # Twice as wide as high, on its side, and of a size to shrink.
    shown = smooth(100, 200)
    shown[30:50] = 255 - shown[30:50]
    file = tmp_path / "photo.jpg"
    file.write_bytes(turned(shown, 6, "jpeg", quality=95))
    pixels = ImageReader((12, 10), 3)(file)
    (found,) = onnxruntime.InferenceSession(colour.file).run(
        ["logits"], {"image": pixels[None].astype("float32")}
    )
    result = after(colour_page, lambda: colour_page.drop("main", file))
    assert_is(result, Exported(colour.file, pixels[None], found), 0)


# Browsers show no TIFF, and Chromium leaves out EXIF of WebP, and of PNG behind
# the pixels.
BROWSERS = {
    name: content
    for name, (content, _, _) in forms().items()
    if not content.startswith((b"II*", b"MM"))
    and not (name.startswith("turned") and name.endswith("webp"))
    and name != "late.png"
}


def test_page_reads_every_picture_as_python_does(
    colour_page: Page, tmp_path: Path
) -> None:
    for name, content in BROWSERS.items():
        path = tmp_path / name
        path.write_bytes(content)
        text = base64.b64encode(content).decode()
        for grey, height, width in (
            *((False, 16, 16), (True, 16, 16)),
            *((False, 5, 7), (True, 24, 9)),
        ):
            seen = colour_page.evaluate(
                f"decoded(new Blob([fromBase64('{text}')]), 'it').then("
                f"(picture) => Array.from(resized(picture, {width}, {height}, "
                f"{json.dumps(grey)}).data))"
            )
            seen = np.array(seen).reshape(height, width, 4)[..., :3]
            expected = ImageReader((height, width), 1 if grey else 3)(path)
            difference = np.abs(seen - expected.astype(int)).max()
            # Decoders of JPEG and WebP round in their own ways; Pillow weighs
            # in whole numbers.
            exact = content.startswith((b"\x89PNG", b"GIF", b"BM"))
            limit = (0 if exact else 4) + (height != 16)
            assert difference <= limit, (name, grey, height)


# Height, width, short side: one side comes to a half, one grows, one stays.
@pytest.mark.parametrize(
    "sizes", [(200, 301, 100), (301, 200, 9), (7, 30, 12), (16, 16, 16)]
)
def test_page_cuts_the_centre_as_python_does(
    sizes: tuple[int, int, int], colour_page: Page, tmp_path: Path
) -> None:
    *shape, side = sizes
    path = save_picture(tmp_path / "wide.png", smooth(*shape))
    text = base64.b64encode(path.read_bytes()).decode()
    seen = colour_page.evaluate(
        f"decoded(new Blob([fromBase64('{text}')]), 'it').then((picture) => "
        f"Array.from(resized(picture, 9, 6, false, {side}).data))"
    )
    expected = ImageReader((6, 9), 3, side)(path).astype(int)
    difference = np.array(seen).reshape(6, 9, 4)[..., :3] - expected
    assert np.abs(difference).max() <= 1
    whole = ImageReader((6, 9), 3)(path)
    assert np.abs(whole - expected).max() > 8


def test_picture_is_cut_as_the_file_says(
    chromium: Page,
    exported: Callable[[str], Exported],
    demo_page: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    model = exported("uint8")
    file = save_picture(tmp_path / "wide.png", smooth(20, 30))
    pixels = ImageReader(SHAPE[:2], 3, SHORT_SIDE)(file)[None]
    with served(demo_page("uint8")) as address:
        chromium.open(address)
        result = after(chromium, lambda: chromium.drop("main", file))
        said = chromium.evaluate("document.body.innerText")
    assert_is(result, Exported(model.file, pixels, logits(pixels)), 0)
    assert "short side is resized to 9 pixels and 4 × 6 cut out of" in said


def test_grey_model_sees_colours_in_grey(
    chromium: Page,
    exported: Callable[[str], Exported],
    demo_page: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    model = exported("grey")
    random = np.random.default_rng(5)
    pixels = random.integers(0, 256, (8, 9, 3)).astype("uint8")
    file = save_picture(tmp_path / "colours.png", pixels)
    grey = np.asarray(Image.open(file).convert("L"))[None, ..., None]
    with served(demo_page("grey")) as address:
        chromium.open(address)
        after(chromium, lambda: chromium.drop("main", file))
        seen = chromium.evaluate(
            "Array.from(document.querySelector('#seen').getContext('2d')"
            ".getImageData(0, 0, 9, 8).data)"
        )
    shown = np.array(seen).reshape(8, 9, 4)
    np.testing.assert_array_equal(shown[..., :1], grey[0])
    assert (shown[..., :3] == shown[..., :1]).all()
    assert model.images.shape[1:] == grey.shape[1:]


def test_what_is_no_picture_is_named_and_the_next_picture_works(
    colour_page: Page, colour: Exported, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no picture")
    text = problem_after(colour_page, lambda: colour_page.drop("main", notes))
    assert "notes.txt is not a picture" in text
    paste = (
        "document.dispatchEvent(new ClipboardEvent('paste', "
        "{clipboardData: new DataTransfer()}))"
    )
    colour_page.evaluate("document.querySelector('#problem').hidden = true")
    text = problem_after(colour_page, lambda: colour_page.evaluate(paste))
    assert "holds no picture" in text
    sample = "#samples li:nth-child(2) button"
    assert_is(after(colour_page, lambda: colour_page.click(sample)), colour, 1)
    assert colour_page.evaluate("document.querySelector('#problem').hidden")


@pytest.mark.parametrize("missing", ["model.js", "runtime.js"])
def test_incomplete_folder_is_named(
    missing: str,
    chromium: Page,
    demo_page: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(demo_page("colour"), folder)
    (folder / missing).unlink()
    chromium.open((folder / "index.html").as_uri())
    text = chromium.evaluate("document.querySelector('#problem').innerText")
    assert f"{missing} is not beside this page" in text
    assert "python -m http.server" in text
    assert chromium.evaluate("document.body.dataset.ready") == "false"
