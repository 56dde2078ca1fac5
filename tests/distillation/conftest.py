"""What the tests of both trainers run on."""

from collections.abc import Iterator
from typing import Any

import keras
import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation
from tests.markers import BACKEND

TRAINERS = {"atsc": ATSC, "kd": KnowledgeDistillation}
each_trainer = pytest.mark.parametrize(
    "trainer", TRAINERS.values(), ids=TRAINERS
)


@pytest.fixture(scope="module")
def eager_steps() -> Iterator[None]:
    """TensorFlow does not trace the few steps of a test, which takes longest.

    That a traced step is the eager one is held by `test_terms.py`; whole
    trainings are traced, in `test_workflow.py` and the rooms above.
    """
    compiled = keras.Model.compile

    def eagerly(model: keras.Model, *arguments: Any, **settings: Any) -> None:
        compiled(model, *arguments, **{"run_eagerly": True, **settings})

    with pytest.MonkeyPatch.context() as patch:
        if BACKEND == "tensorflow":
            patch.setattr(keras.Model, "compile", eagerly)
        yield
