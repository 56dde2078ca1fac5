"""The records of a comparison."""

from atsc_keras.records.models import (
    Entry,
    ModelRecord,
    Movement,
    Origin,
    Record,
    Share,
    Stem,
)


class RateRecord(Entry):
    """The choice of a learning rate.

    Attributes:
        rates: that were tried.
        held_out_accuracy: with each; None where it diverged.
        chosen: the best of them; None where all diverged.
        seed: that they were tried with; None in older records.
    """

    rates: tuple[float, ...]
    held_out_accuracy: tuple[Share | None, ...]
    chosen: float | None
    seed: int | None = None


class LearningRates(Record):
    """The learning rates of a comparison, by the name of the method."""

    file_name = "learning_rates.json"

    choices: dict[str, RateRecord]


class SeedAdaptation(Entry):
    """What one seed's training noted of teachers that adapt.

    Attributes:
        val_feature_distance: by epoch; `val_teacher_accuracy` likewise.
        layers: as in `Adaptation`; empty where that is not kept.
    """

    val_feature_distance: tuple[float, ...] = ()
    val_teacher_accuracy: tuple[float, ...] = ()
    layers: tuple[Movement, ...] = ()


class MethodRuns(Entry):
    """What one method has shown: in each attribute a value for each seed.

    Attributes:
        seed: whose values stand at that place.
        accuracy: after the last epoch; top 5 and loss likewise.
        parameters: of the student; `multiply_adds` likewise.
        best_accuracy: of the epochs.
        seconds_per_epoch: median, the first left out.
        curve: test accuracy by epoch.
        adaptation: where teachers share their classifier.
    """

    seed: tuple[int, ...]
    accuracy: tuple[Share, ...]
    top5_accuracy: tuple[Share, ...]
    loss: tuple[float | None, ...]
    parameters: tuple[int, ...]
    multiply_adds: tuple[int, ...]
    best_accuracy: tuple[Share, ...]
    seconds_per_epoch: tuple[float, ...]
    curve: tuple[tuple[Share, ...], ...]
    adaptation: tuple[SeedAdaptation | None, ...]


class Comparison(Record):
    """The results of `compare`.

    Attributes:
        name: of the experiment.
        origin: how it came about.
        student: its network.
        backend: of Keras.
        train_examples: how many; `test_examples` likewise.
        teachers: by the stem of their `Part`.
        methods: by name; `atsc-` begins that of a variant.
        diverged: seeds of methods that came to no end.
        learning_rates: where they were chosen.
    """

    file_name = "comparison.json"

    name: str
    origin: Origin
    student: str
    backend: str
    train_examples: int
    test_examples: int
    teachers: dict[Stem, ModelRecord]
    methods: dict[str, MethodRuns]
    diverged: dict[str, tuple[int, ...]] = {}
    learning_rates: dict[str, RateRecord] = {}

    @property
    def best_teacher(self) -> float:
        """Accuracy of the best teacher."""
        return max(model.accuracy for model in self.teachers.values())
