"""What a training step reports, kept apart from what it computes."""

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import keras

from atsc_keras.backend import UpdateTrainer
from atsc_keras.types import Logs
from atsc_keras.types import Tensor


class ReportingTrainer(UpdateTrainer):
    """A trainer with running means that only training reports.

    Keras would otherwise log them in `evaluate` too, as `val_...: 0.0`.

    Args:
        reported: names of the means.
        **kwargs: as for `keras.Model`.
    """

    def __init__(self, reported: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._means = [keras.metrics.Mean(name=name) for name in reported]
        self._evaluating = False

    def record(self, values: Logs, batch_size: Tensor) -> None:
        """Add one step's scalars, `loss` among them, to the means."""
        for metric in self.metrics:
            if metric.name in values:
                metric.update_state(
                    values[metric.name], sample_weight=batch_size
                )

    @contextmanager
    def _evaluation(self) -> Iterator[None]:
        before, self._evaluating = self._evaluating, True
        try:
            yield
        finally:
            self._evaluating = before

    def get_metrics_result(self) -> Logs:
        results = super().get_metrics_result()
        if self._evaluating:
            for mean in self._means:
                results.pop(mean.name)
        return results

    def test_step(self, *args: Any) -> Any:
        with self._evaluation():
            return super().test_step(*args)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        with self._evaluation():
            return super().evaluate(*args, **kwargs)
