"""Files of every format and form that show one and the same picture."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 16
_ORIENTATION = 0x0112


def smooth(height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """A picture unlike all its turns, that JPEG keeps well, (H, W, 3)."""
    rows, columns = np.mgrid[:height, :width]
    planes = (200 * rows / height, 220 * columns / width, 3.0 * rows + columns)
    return np.stack(planes, -1).astype("uint8")


def grey_of(pixels: np.ndarray) -> np.ndarray:
    """The weights of ITU-R BT.601, in whole numbers of 2**-16, (H, W)."""
    weighed = pixels.astype("int64") @ (19595, 38470, 7471)
    return ((weighed + 2**15) >> 16).astype("uint8")


def stored(shown: np.ndarray, orientation: int) -> np.ndarray:
    """How a file holds a picture, by the table of the EXIF standard.

    It says which side of what is shown row 0 and column 0 are.
    """
    return {
        1: shown,
        2: shown[:, ::-1],
        3: shown[::-1, ::-1],
        4: shown[::-1],
        5: shown.swapaxes(0, 1),
        6: shown[:, ::-1].swapaxes(0, 1),
        7: shown[::-1, ::-1].swapaxes(0, 1),
        8: shown[::-1].swapaxes(0, 1),
    }[orientation]


def turned(
    shown: np.ndarray, orientation: int, kind: str, **options: object
) -> bytes:
    """A file with EXIF orientation."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    pixels = np.ascontiguousarray(stored(shown, orientation))
    return encoded(Image.fromarray(pixels), kind, exif=exif, **options)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_of_words(pixels: np.ndarray, colour: int) -> bytes:
    """A PNG of 16 bits a channel; colour 0, 2, 4 or 6 as its header says."""
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def with_late_orientation(png: bytes, orientation: int) -> bytes:
    """A PNG with its EXIF chunk behind the pixels, which is allowed."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    notes = exif.tobytes().removeprefix(b"Exif\0\0")
    return png[:-12] + _chunk(b"eXIf", notes) + png[-12:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def tiff_of_words(
    pixels: np.ndarray, order: str, white: int, bits: int
) -> bytes:
    """A grey TIFF of 12 or 16 bits, (H, W).

    Args:
        pixels: (H, W), of an even number.
        order: "<" or ">", of its bytes.
        white: 0 where the least number is white, else 1.
        bits: 12 or 16.
    """
    height, width = pixels.shape
    if bits == 16:
        content = pixels.astype(f"{order}u2").tobytes()
    else:  # two numbers in three bytes, the high bits first
        one, two = pixels.reshape(-1, 2).T.astype("int64")
        packed = [one >> 4, (one & 15) << 4 | two >> 8, two & 255]
        content = np.stack(packed, -1).astype("uint8").tobytes()
    tags = (
        *((256, width), (257, height), (258, bits), (259, 1), (262, white)),
        *((273, 8), (277, 1), (278, height), (279, len(content))),
    )
    directory = struct.pack(f"{order}H", len(tags))
    for tag, value in tags:
        long = tag in (273, 279)
        directory += struct.pack(f"{order}HHI", tag, 4 if long else 3, 1)
        directory += struct.pack(
            f"{order}{'I' if long else 'HH'}",
            *((value,) if long else (value, 0)),
        )
    start = struct.pack(
        f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(content)
    )
    return start + content + directory + struct.pack(f"{order}I", 0)


def _on_white(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A transparent picture (H, W, 4), and how it looks on white paper."""
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 4))
    share = pixels[..., 3:] / 255
    shown = np.floor(pixels[..., :3] * share + 0.5) + 255 - pixels[..., 3:]
    return pixels.astype("uint8"), shown.astype("uint8")


Form = tuple[
    bytes, np.ndarray, int
]  # a file, what it shows, levels it may be off


def forms() -> dict[str, Form]:
    """Files by names with their endings."""
    shown = smooth()
    grey = grey_of(shown)
    image = Image.fromarray(shown)
    words = np.random.default_rng(1).integers(0, 65536, (SIDE, SIDE, 4))
    few = image.quantize(16)
    in_few = np.asarray(few.convert("RGB"))
    clear, on_white = _on_white(0)
    black = Image.fromarray(grey).convert("1")
    made: dict[str, Form] = {
        "plain.png": (encoded(image, "png"), shown, 0),
        "plain.bmp": (encoded(image, "bmp"), shown, 0),
        "plain.webp": (encoded(image, "webp", lossless=True), shown, 0),
        "lossy.webp": (encoded(image, "webp", quality=95), shown, 16),
        "plain.jpg": (encoded(image, "jpeg", quality=98), shown, 16),
        "progressive.jpeg": (
            encoded(image, "jpeg", quality=98, progressive=True),
            shown,
            16,
        ),
        "print.jpg": (
            encoded(image.convert("CMYK"), "jpeg", quality=98),
            shown,
            16,
        ),
        "print.tif": (encoded(image.convert("CMYK"), "tiff"), shown, 1),
        "plain.tiff": (encoded(image, "tiff"), shown, 0),
        "packed.tif": (
            encoded(image, "tiff", compression="tiff_lzw"),
            shown,
            0,
        ),
        "few.gif": (encoded(few, "gif"), in_few, 0),
        "moving.gif": (
            encoded(
                few, "gif", save_all=True, append_images=[black.convert("P")]
            ),
            in_few,
            0,
        ),
        "few.png": (encoded(few, "png"), in_few, 0),
        "grey.png": (encoded(Image.fromarray(grey), "png"), _rgb(grey), 0),
        "grey.jpg": (
            encoded(Image.fromarray(grey), "jpeg", quality=98),
            _rgb(grey),
            16,
        ),
        "black.png": (encoded(black, "png"), _rgb(np.asarray(black) * 255), 0),
        "clear.png": (encoded(Image.fromarray(clear), "png"), on_white, 0),
        "clear.webp": (
            encoded(Image.fromarray(clear), "webp", lossless=True, exact=True),
            on_white,
            0,
        ),
        "grey_words.png": (
            png_of_words(words[..., 0], 0),
            _rgb(words[..., 0] >> 8),
            0,
        ),
        "words.png": (png_of_words(words[..., :3], 2), words[..., :3] >> 8, 0),
        "damaged_notes.jpg": (
            encoded(image, "jpeg", quality=98, exif=b"Exif\0\0II*\0\xff\xff"),
            shown,
            16,
        ),
        "late.png": (
            with_late_orientation(
                encoded(Image.fromarray(stored(shown, 6).copy()), "png"), 6
            ),
            shown,
            0,
        ),
    }
    for order, white, bits in (
        ("<", 1, 16),
        (">", 1, 16),
        ("<", 0, 16),
        ("<", 1, 12),
    ):
        numbers = words[..., 1] >> (16 - bits)
        seen = words[..., 1] >> 8
        made[f"words_{order == '<'}_{white}_{bits}.tif"] = (
            tiff_of_words(numbers, order, white, bits),
            _rgb(seen if white else 255 - seen),
            0,
        )
    for kind, options, off in (
        ("png", {}, 0),
        ("tiff", {}, 0),
        ("webp", {"lossless": True}, 0),
        ("jpeg", {"quality": 98}, 16),
    ):
        for number in range(1, 9):
            made[f"turned_{number}.{kind}"] = (
                turned(shown, number, kind, **options),
                shown,
                off,
            )
    # Content decides, whatever the ending.
    for name, other in (
        ("plain.tiff", "a_tiff.jpg"),
        ("plain.webp", "a_webp.PNG"),
        ("turned_6.jpeg", "a_jpeg.bmp"),
        ("few.gif", "a_gif.jpg"),
        ("plain.png", "a_png.tif"),
        ("plain.bmp", "a_bmp.jfif"),
    ):
        made[other] = made[name]
    return made


def _rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, -1).astype("uint8")


# What no reader may take for a picture, by names.
DAMAGED = {
    "script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF",
    "empty.jpg": b"",
    "text.bmp": b"no picture",
    "cut.png": encoded(Image.fromarray(smooth()), "png")[:60],
    "cut.tif": encoded(Image.fromarray(smooth()), "tiff")[:60],
    "apple.jpg": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "poster.png": encoded(Image.new("1", (20_000, 20_000)), "png"),
    "wide.gif": b"GIF89a"
    + struct.pack("<HH", 12_000, 14_000)
    + b"\x80\0\0"
    + bytes(6)
    + b","
    + struct.pack("<HHHH", 0, 0, 1, 1)
    + b"\0\x02\x02\x44\x01\0;",
    "deep.tif": encoded(Image.fromarray(np.ones((4, 4), "float32")), "tiff"),
}
# What lies beside pictures and is not used, by names; and the reason.
BESIDE = {
    "._plain.png": (b"\0\5\x16\7\0\2\0\0Mac OS X", "1 .png (hidden)"),
    ".DS_Store": (b"\0\0\0\1Bud1", "hidden"),
    "Thumbs.db": (b"\xd0\xcf\x11\xe0", "1 .db (hidden)"),
    "notes.txt": (b"about", "1 .txt (not read as a picture)"),
    "clip.heic": (b"\0\0\0\x18ftypheic", "1 .heic (not read as a picture)"),
    "photo": (
        encoded(Image.fromarray(smooth()), "png"),
        "1 without an ending (a picture by its content",
    ),
}


def save(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
