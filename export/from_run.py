"""What a run folder of the trainer holds for an export."""

from dataclasses import dataclass
from pathlib import Path

from atsc_keras.errors import InputError
from atsc_keras.records.manifest import CLASS_NAMES, EXPORT
from atsc_keras.records.models import Metrics, Origin
from atsc_keras.records.reading import read_record
from atsc_keras.records.roles import Role
from atsc_keras.records.run import Run

_ALONE = f"{Role.STUDENT_ALONE}.keras"  # to compare a distilled student with
_MODELS = (
    *(f"{Role.STUDENT}.keras", "model.keras", _ALONE),
    f"{Role.STUDENT_SAME_SIZE}.keras",  # of a comparison
)


@dataclass(frozen=True)
class RunFiles:
    """The files that an export starts from and makes.

    Attributes:
        model: the student, or the one model of a run that distils none.
        compare: the teachers and the student trained without them.
        data: real images, if any.
        class_names: JSON list, or None where the model knows other classes.
        out: where the export goes.
        evaluation_resize: of the run's test pictures, if they were cut.
    """

    model: Path
    compare: tuple[Path, ...] = ()
    data: Path | None = None
    class_names: Path | None = None
    out: Path = Path()
    evaluation_resize: int | None = None


def files_of_run(run: Path) -> RunFiles:
    """Find the model of a run, what to compare it with, and images.

    Args:
        run: folder of a finished run.

    Returns:
        Its files.

    Raises:
        InputError: if the run has no model or no images.
    """
    found = [run / name for name in _MODELS if (run / name).is_file()]
    data = run / "samples.npz"
    if not found or not data.is_file():
        raise InputError(
            "--from-run must be the folder of a finished run, with "
            f"{' or '.join(_MODELS)} and samples.npz. Received: {run}. Finish "
            "it, or give MODEL.keras and --data."
        )
    others = [*sorted(run.glob("teacher*.keras")), run / _ALONE]
    return RunFiles(
        model=found[0],
        compare=tuple(
            path for path in others if path.is_file() and path != found[0]
        ),
        data=data,
        class_names=_fitting_names(run),
        out=run / EXPORT,
        evaluation_resize=evaluation_resize(read_origin(run)),
    )


def read_origin(run: Path) -> Origin | None:
    """Read how a run came about; None where a folder holds no record of it."""
    try:
        return read_record(run, Origin)
    except InputError:  # an export needs no records
        return None


def evaluation_resize(origin: Origin | None) -> int | None:
    """Tell the short side of a run's test pictures before they were cut."""
    config = None if origin is None else origin.config
    return None if config is None else config.data.evaluation_resize


def _fitting_names(run: Path) -> Path | None:
    """Leave names out where a teacher knows classes that the data do not."""
    names = run / CLASS_NAMES
    try:
        metrics = Run(run).load(Metrics)
    except InputError:  # an export needs no records
        return None
    if metrics is None or not names.is_file():
        return None
    models = metrics.models
    model = models.get(Role.STUDENT, next(iter(models.values())))
    return names if model.classes == len(metrics.class_names) else None
