"""What helps a teacher that falls, beside what is set already."""

from typing import Any

from atsc_keras.distillation.reporting import rate_of

_HOLDS = 10.0  # L2-SP over all weights: from 1 to 100 held every teacher tried
_SLOWER = 10


def ways_out(trainer: Any, statistics_lag: bool = False) -> str:
    """Name settings that hold a teacher, each with its value now.

    Args:
        trainer: an `ATSC`, compiled.
        statistics_lag: whether the teacher still knows its classes in
            training mode: then its moving statistics are what is wrong.
    """
    ways = []
    settings, optimizers = trainer.settings, trainer.optimizers
    rate = rate_of(optimizers.get("teacher_optimizer", optimizers["optimizer"]))
    share = trainer.teacher_rate
    if share is not None:
        ways.append(
            f"a smaller `teacher_rate`: {share / _SLOWER:g} (now {share:g} of "
            f"the rate of `optimizer`, {rate:.3g})"
        )
    else:
        ways.append(
            "a smaller rate of `teacher_optimizer`: "
            f"{rate / _SLOWER:.3g} (now {rate:.3g})"
        )
    if settings.l2sp_scope != "all":
        ways.append(f"`l2sp_scope='all'` (now {settings.l2sp_scope!r})")
    if settings.feature_loss != "normalized_mse":
        ways.append(
            f"`feature_loss='normalized_mse'` (now {settings.feature_loss!r})"
        )
    weight = max(_HOLDS, _SLOWER * settings.l2sp_weight)
    ways.append(f"`l2sp_weight={weight:g}` (now {settings.l2sp_weight:g})")
    if trainer.teacher.encoder.trainable_variables:
        ways.append("a teacher whose `trainable` is False, which stays")
    cause = (
        "In training mode it still knows them: its weights move faster than "
        "the moving statistics of its batch normalisation follow. "
        if statistics_lag
        else "Its weights leave what it was trained to too fast. "
    )
    return f"{cause}Use {'; or '.join(ways)}."
