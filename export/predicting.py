"""Pictures -> their likeliest classes, by a file of any format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atsc_keras.errors import InputError
from atsc_keras.files.picture_folders import SUFFIXES, list_pictures
from atsc_keras.files.pictures import ImageReader, common_form
from atsc_keras.pixels import Pixels
from atsc_keras.records.manifest import CLASS_NAMES
from atsc_keras.records.models import Origin

from .checks import load_class_names
from .classifiers import FILE, Classifier, find_format, open_classifier
from .from_run import evaluation_resize, read_origin

TOP = 3
_AT_ONCE = 64  # pictures in memory


@dataclass(frozen=True)
class PredictJob:
    """What is asked.

    Attributes:
        file: `.keras`, `.h5`, `.tflite` or `.onnx`, or the folder of a
            SavedModel.
        pictures: files, and folders of them.
        top: classes of each picture; default: 3, or all of fewer.
        class_names: JSON list; default: those in the file, or beside it in
            the folder of a run.
        pixel_range: what the file wants of its pixels; default: plain ones,
            or what it says itself.
        image_size: height and width, for a file that takes any.
        evaluation_resize: N = the short side resized to N, and the centre
            cut out; default: as the file says, or the run in whose folder it
            lies tested it; else resized without regard to the aspect ratio.
    """

    file: Path
    pictures: Sequence[Path]
    top: int | None = None
    class_names: Path | None = None
    pixel_range: str | None = None
    image_size: tuple[int, int] | None = None
    evaluation_resize: int | None = None


@dataclass(frozen=True)
class Guess:
    """One class of a picture.

    Attributes:
        index: from 0.
        name: None where it is not known.
        probability: from 0 to 1.
    """

    index: int
    name: str | None
    probability: float


@dataclass(frozen=True)
class Answer:
    """The likeliest classes of a picture, the first one first."""

    file: Path
    classes: list[Guess]


def predict(job: PredictJob) -> tuple[list[Answer], list[str]]:
    """Tell the classes of pictures.

    Returns:
        An answer a picture, in the order of the pictures; and notes.

    Raises:
        InputError: if anything given cannot be used. All pictures are looked
            at before the file is opened, and nothing is answered before all
            are read.
    """
    if job.top is not None and job.top < 1:
        raise InputError(
            f"`--top` must be at least 1. Received: {job.top}. Leave it out "
            f"for {TOP}."
        )
    if job.pixel_range is not None:
        Pixels.read(job.pixel_range, "--pixel-range")
    kind = find_format(job.file)
    if job.class_names is not None:
        load_class_names(job.class_names)
    pictures = find_pictures(job.pictures)
    common_form(pictures, 1)  # their headers
    origin = read_origin(job.file.parent)
    classifier = open_classifier(
        job.file, kind, job.pixel_range, job.image_size, origin is not None
    )
    names, note = _names(job, classifier)
    notes = [] if note is None else [note]
    top = _top(job, classifier)
    reader = _reader(job, classifier, origin)
    answers: list[Answer] = []
    for start in range(0, len(pictures), _AT_ONCE):
        some = pictures[start : start + _AT_ONCE]
        images = reader.read_all(some)
        if start == 0 and (doubt := classifier.doubt(images)) is not None:
            notes.append(doubt)
        found = classifier.answer(images)
        _check_finite(job.file, some, found)
        answers += _answers(some, found, top, names)
    return answers, notes


def find_pictures(given: Sequence[Path]) -> list[Path]:
    """List pictures, and those of folders and the folders in them.

    Raises:
        InputError: if one is not there, or a folder holds none.
    """
    found: list[Path] = []
    for path in given:
        if path.is_file():
            found.append(path)
            continue
        inside = list_pictures(path)
        if not inside:
            state = (
                f"which holds no {', '.join(SUFFIXES)}. Name one that does."
                if path.is_dir()
                else "which does not exist. Check the path."
            )
            raise InputError(
                "`PICTURE` must be a picture, or a folder of pictures. "
                f"Received: {path}, {state}"
            )
        found += inside
    return found


def _names(
    job: PredictJob, classifier: Classifier
) -> tuple[Sequence[str] | None, str | None]:
    """Find the names of the classes; a note where those there do not fit.

    Raises:
        InputError: if those that were given do not fit.
    """
    if job.class_names is not None:
        return load_class_names(job.class_names, classifier.classes), None
    place, names = job.file, classifier.class_names
    if names is None and (job.file.parent / CLASS_NAMES).is_file():
        place = job.file.parent / CLASS_NAMES
        names = load_class_names(place)
    if names is None or len(names) == classifier.classes:
        return names, None
    return None, (
        f"{place} has {len(names)} class names for {classifier.classes} "
        "classes, which are shown by their numbers. Add --class-names."
    )


def _top(job: PredictJob, classifier: Classifier) -> int:
    if job.top is not None and job.top > classifier.classes:
        raise InputError(
            "`--top` must be at most the number of classes. Received: "
            f"{job.top}, {job.file} with {classifier.classes} classes. Write "
            f"--top {classifier.classes} for all."
        )
    return job.top or min(TOP, classifier.classes)


def _reader(
    job: PredictJob, classifier: Classifier, origin: Origin | None
) -> ImageReader:
    height, width, channels = classifier.shape
    if job.image_size not in (None, (height, width)):
        raise InputError(
            "`--image-size` is for a file that takes any size. Received: "
            f"{job.image_size}, {job.file} for {(height, width)}. Leave it "
            "out."
        )
    short_side = job.evaluation_resize
    if short_side is not None and short_side < max(height, width):
        raise InputError(
            "`--evaluation-resize` must be at least the sides of what is cut "
            f"out. Received: {short_side}, {job.file} for {(height, width)}. "
            "Leave it out to resize without a cut."
        )
    said = classifier.short_side or evaluation_resize(origin)
    return ImageReader((height, width), channels, short_side or said)


def _check_finite(file: Path, pictures: list[Path], found: np.ndarray) -> None:
    broken = ~np.isfinite(found).all(-1)
    if broken.any():
        raise InputError(
            f"{FILE} must give finite scores. Received: {file}, which gives "
            f"others for {pictures[int(broken.argmax())]}. Its weights are "
            "broken: take those of an earlier checkpoint."
        )


def _answers(
    pictures: list[Path],
    found: np.ndarray,
    top: int,
    names: Sequence[str] | None,
) -> Iterator[Answer]:
    best = np.argsort(-found, axis=-1, kind="stable")[:, :top]
    for picture, indices, shares in zip(pictures, best, found, strict=True):
        yield Answer(
            picture,
            [
                Guess(int(i), names[i] if names else None, float(shares[i]))
                for i in indices
            ],
        )
