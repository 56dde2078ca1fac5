"""What is refused before a framework is loaded, which takes seconds."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from atsc_keras.config import (
    ExperimentConfig,
    RecipeConfig,
    StudentConfig,
    TeacherConfig,
)
from atsc_keras.data.looking import look_at_data
from atsc_keras.errors import InputError
from atsc_keras.files.model_files import check_model_file
from atsc_keras.files.pictures import read_npz_forms
from atsc_keras.models.network_names import (
    are_of_library,
    check_network_name,
    is_of_library,
)
from atsc_keras.packages import FOR_REPORTS, check_installed
from atsc_keras.records.continuing import inputs_of
from atsc_keras.records.models import Metrics
from atsc_keras.records.run import Run

Asked = TeacherConfig | StudentConfig
_SAMPLES = {"x_train", "x_test", "y_test"}  # arrays in the file
_LIBRARIES = ("keras_cv", "keras_hub")


def check_first(
    config: ExperimentConfig,
    run_dir: Path,
    *,
    networks: Sequence[Asked] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    needed: Mapping[str, str] = FOR_REPORTS,
) -> None:
    """Check folder, networks and data of a job by names and headers.

    Args:
        config: of the experiment.
        run_dir: folder that the run is to have.
        networks: of the config that the job builds; default: all.
        resume: whether to go on with a run there.
        overwrite: whether to delete a run there.
        needed: modules that the job imports when it has trained, as for
            `check_installed`; default: those of reports.

    Raises:
        InputError: for the first thing that cannot be.
    """
    check_installed(needed)
    Run.look(run_dir, config, resume=resume, overwrite=overwrite)
    for asked in networks or (*config.teachers, config.student):
        _check_network(asked)
    look_at_data(config.data)


def check_role(
    config: ExperimentConfig, role: str
) -> tuple[Asked, RecipeConfig]:
    """Find what `train` trains.

    Args:
        config: of the experiment.
        role: "teacher" or "student".

    Returns:
        The network, and how it is trained.

    Raises:
        InputError: if the config does not say how it is trained.
    """
    asked = config.teachers[0] if role == "teacher" else config.student
    if asked.training is None:
        raise InputError(
            f"The {role} of the config must say how it is trained. Received: "
            "training=null. Give at least its epochs."
        )
    return asked, asked.training


def check_finished(run_dir: Path) -> Metrics:
    """Read the records of a finished run, whose report is to be renewed.

    Raises:
        InputError: if the folder holds none, or a package is missing.
    """
    check_installed(FOR_REPORTS)
    metrics = Run(run_dir).load(Metrics)
    if metrics is None:
        raise InputError(
            "`evaluate` needs a config, or the folder of a finished run. "
            f"Received: {run_dir}, which has no metrics.json. Finish the run "
            "with --resume."
        )
    return metrics


def check_samples_file(
    path: Path, config: ExperimentConfig, overwrite: bool
) -> None:
    """Check that samples may be written to a file, and nothing is lost by it.

    Args:
        path: of the npz file.
        config: whose data they are.
        overwrite: whether earlier samples may be replaced.

    Raises:
        InputError: if not.
    """
    there = os.path.lexists(path)
    if path.suffix != ".npz" or (there and not overwrite):
        raise InputError(
            "--out must be a new `.npz` file. Received: "
            f"{path}{', which is there already' if there else ''}. Name "
            "another, or add --overwrite."
        )
    reads = {Path(name).resolve() for name in inputs_of(config)}
    try:
        arrays = set(read_npz_forms(path)) if there else _SAMPLES
    except ValueError:
        arrays = set()
    if there and (arrays != _SAMPLES or path.resolve() in reads):
        raise InputError(
            "`--overwrite` replaces earlier samples, and nothing else. "
            f"Received: --out={path}, which is none or is read itself. Name "
            "another."
        )


def _check_network(asked: Asked) -> None:
    library = asked.network.partition("/")[0]
    if library in _LIBRARIES:
        check_installed({library: f"network={asked.network}"})
    if asked.weights is None:
        check_network_name(asked.network)
    elif not are_of_library(asked.weights, asked.network):
        check_model_file(Path(asked.weights))
    elif asked.weights.endswith(".h5") and is_of_library(asked.network):
        check_model_file(Path(asked.weights), "`weights`")
