"""The learning rate of each candidate, chosen without the test images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from atsc_keras.comparing.candidates import Candidate
from atsc_keras.comparing.trial import Trial
from atsc_keras.config import DataConfig, ExperimentConfig
from atsc_keras.data.assembly import choose, refuse_to_choose
from atsc_keras.data.dataset import Dataset, Split
from atsc_keras.data.loading import load_dataset
from atsc_keras.records.comparisons import RateRecord
from atsc_keras.records.run import Run

_HOLD_OUT = 0.1  # of the training images of each class


def held_out_dataset(
    config: ExperimentConfig, given: Dataset | None
) -> Dataset:
    """Load the data that learning rates are chosen on: training images alone.

    Args:
        config: of the comparison.
        given: in place of what `config.data` would load; None = load.

    Raises:
        InputError: if the data cannot be loaded, or no images be held out of
            what was given.
    """
    data = _data_of_choice(config.data)
    if given is None:
        return load_dataset(data)
    if given.train.images is None:
        refuse_to_choose(data, "a dataset that is streamed")
    train, test = choose(given.train.arrays, given.test.arrays, data)
    return replace(
        given, train=Split("train", *train), test=Split("test", *test)
    )


def _data_of_choice(data: DataConfig) -> DataConfig:
    return data.model_copy(update={"hold_out": data.hold_out or _HOLD_OUT})


@dataclass(frozen=True)
class RateChoice:
    """Trials of one candidate that differ in the learning rate.

    Args:
        comparison: the run of the comparison.
        candidate: what is trained.
        rates: to choose from, in ascending order.
        seed: of all these trials.
    """

    comparison: Run
    candidate: Candidate
    rates: Sequence[float]
    seed: int

    @property
    def trials(self) -> list[Trial]:
        """One for each rate, in the order of `rates`."""
        config = self.candidate.config
        data = _data_of_choice(config.data)
        candidate = Candidate(
            self.candidate.name,
            self.candidate.method,
            config.model_copy(update={"data": data}),
        )
        return [
            Trial(
                self.comparison,
                candidate.with_rate(rate),
                self.seed,
                self.comparison.file(
                    f"rates/{candidate.folder_name}_rate{rate:g}"
                ),
            )
            for rate in self.rates
        ]

    def record(self) -> RateRecord:
        """Choose by what the trials have shown; of equal rates the smallest.

        That of rates which all diverged is none.
        """
        shares = tuple(trial.accuracy() for trial in self.trials)
        shown = [
            (share, -rate)
            for share, rate in zip(shares, self.rates, strict=True)
            if share is not None
        ]
        return RateRecord(
            rates=tuple(self.rates),
            held_out_accuracy=shares,
            chosen=-max(shown)[1] if shown else None,
            seed=self.seed,
        )
