"""The record of an export: each file, and the proof of it."""

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from atsc_keras.records.models import Entry, FileName, Record, Share


def _finite(value: Any) -> Any:
    """None in place of what JSON has no word for."""
    unknown = isinstance(value, float) and not math.isfinite(value)
    return None if unknown else value


Difference = Annotated[float | None, BeforeValidator(_finite)]


class Timing(Entry):
    """How long one batch takes, warm.

    Attributes:
        min_ms: milliseconds, the smallest; `median_ms` likewise.
        runs: that were timed.
    """

    min_ms: float
    median_ms: float
    runs: int


Latency = dict[str, Timing]  # by the batch size, as text


class Operations(Entry):
    """What a file is made of.

    Attributes:
        count: of all operations.
        custom: names of those that only some runtimes know.
        transposes: how many.
        unfolded_batch_norms: that scale a convolution's channels alone.
    """

    count: int
    custom: tuple[str, ...]
    transposes: int
    unfolded_batch_norms: int


class Check(Entry):
    """One comparison of a file with Keras.

    Attributes:
        images: "random" or "real".
        batch_size: of the runs.
        count: images that were compared.
        max_difference: largest of a logit; None where one is not finite;
            `mean_difference` likewise.
        probability_difference: largest of a probability, between softmax of
            the logits and what the model gives; None where it gives logits.
        top1_agreement: share of images with Keras's top-1.
        repeatable: whether two runs gave the same.
        consistent: whether probabilities and label are those of the logits.
    """

    images: str
    batch_size: int
    count: int
    max_difference: Difference
    mean_difference: Difference
    probability_difference: Difference = None
    top1_agreement: Share
    repeatable: bool
    consistent: bool


class Verdict(Entry):
    """What the proof of a file has found.

    Attributes:
        accepted: whether it computes what Keras does.
        reason: why not; None where it does.
        note: of its form, where that could be better; None where not.
        max_difference: over all checks, as in `Check`; likewise
            `mean_difference` and `top1_agreement`.
        accuracy: on labelled images; None without.
        checks: one for each sample and batch size; none of a file that could
            not be made or opened.
        operations: None where the format does not tell.
        latency: None of a file that could not be opened.
    """

    accepted: bool
    reason: str | None = None
    note: str | None = None
    max_difference: Difference = None
    mean_difference: Difference = None
    top1_agreement: Share | None = None
    accuracy: Share | None = None
    checks: tuple[Check, ...] = ()
    operations: Operations | None = None
    latency: Latency | None = None

    def but(self, fault: str | None) -> "Verdict":
        """Add a reason to reject the file; None leaves it as it is."""
        if fault is None:
            return self
        return self.model_copy(update={"accepted": False, "reason": fault})


class ExportedFile(Entry):
    """A file that was to be written.

    Attributes:
        format: "saved_model", "tflite" or "onnx".
        precision: of its numbers.
        pixels: dtype of what it takes.
        path: its name in the export's folder.
        runtime: that opened it.
        bytes: of the file; 0 where it could not be written.
    """

    format: str
    precision: str
    pixels: str
    path: str
    runtime: str
    bytes: int


class Artifact(Verdict, ExportedFile):
    """An exported file, and the proof of it."""


class KerasFile(Entry):
    """The model itself, to compare with.

    Attributes:
        bytes: of the file.
        accuracy: on labelled images; None without.
        latency: of Keras.
    """

    bytes: int
    accuracy: Share | None
    latency: Latency | None


class ExportedModel(Entry):
    """All files of one model.

    Attributes:
        name: stem of its file.
        file: name of its file.
        parameters: trainable scalars.
        multiply_adds: of one image; None where they cannot be counted.
        input_shape: `(H, W, C)`.
        classes: that it tells apart.
        keras: the model itself.
        artifacts: the exported files.
        note: what speaks against the pixels that it is taken to want; None
            where nothing does.
    """

    name: str
    file: str
    parameters: int
    multiply_adds: int | None
    input_shape: tuple[int, ...]
    classes: int
    keras: KerasFile
    artifacts: tuple[Artifact, ...]
    note: str | None = None


class ExportReport(Record):
    """The results of an export.

    Attributes:
        accepted: whether every file of the model passed.
        keras_version: that loaded the model.
        tolerance: largest difference of a float32 logit.
        threads: of the runtimes while they were timed.
        images: counts of "random" and "real" ones that were compared on.
        calibration_images: that int8 was calibrated by.
        models: the model, then those to compare with.
        seconds: of the whole export.
        files: all that were written, by their paths from the folder on.
    """

    file_name = "export_report.json"

    accepted: bool
    keras_version: str
    tolerance: float
    threads: int
    images: dict[str, int]
    calibration_images: int
    models: Annotated[tuple[ExportedModel, ...], Field(min_length=1)]
    seconds: float
    files: tuple[FileName, ...] = ()
