"""A teacher that gives in to the student does not go unnoticed."""

import pytest

from atsc_keras.distillation.collapse_warning import CollapseWarning
from tests.tiny import batch, sgd, tiny_atsc


def teacher_logs(accuracy: float) -> dict[str, float]:
    return {"teacher_feature_power": 0.9, "teacher_accuracy": accuracy}


def test_teacher_that_forgets_warns_once() -> None:
    alarm = CollapseWarning()
    for epoch, accuracy in enumerate([0.8, 0.9, 0.46]):
        alarm.on_epoch_end(epoch, teacher_logs(accuracy))
    with pytest.warns(UserWarning, match="forgetting.*44 % .*epoch 4.*90 %"):
        alarm.on_epoch_end(3, teacher_logs(0.44))
    alarm.on_epoch_end(4, teacher_logs(0.1))


def test_shrinking_teacher_warns_once() -> None:
    atsc = tiny_atsc()
    atsc.compile(optimizer=sgd(1e-6))
    atsc.train_on_batch(*batch())
    last = atsc.teacher.encoder.layers[-2]
    last.gamma.assign(last.gamma * 0.5)
    last.beta.assign(last.beta * 0.5)
    with pytest.warns(UserWarning, match="shrinking") as caught:
        atsc.fit(*batch(), epochs=3, batch_size=8, verbose=0)
    assert len([w for w in caught if "shrinking" in str(w.message)]) == 1
