"""What the tests of both trainers run on."""

import pytest

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.knowledge_distillation import KnowledgeDistillation

TRAINERS = {"atsc": ATSC, "kd": KnowledgeDistillation}
each_trainer = pytest.mark.parametrize(
    "trainer", TRAINERS.values(), ids=TRAINERS
)
