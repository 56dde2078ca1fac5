"""The jobs of the command line: `train`, `distill`, `evaluate`."""

from pathlib import Path
from typing import Any, Literal

from atsc_keras.config import ExperimentConfig, load_config
from atsc_keras.data.dataset import Dataset
from atsc_keras.data.loading import load_dataset
from atsc_keras.errors import InputError
from atsc_keras.records.roles import Part, Role
from atsc_keras.records.run import RunFolder, damaged_record
from atsc_keras.reports.report import read_metrics
from atsc_keras.training.devices import placed
from atsc_keras.training.environment import describe_environment
from atsc_keras.training.evaluation import evaluate_file
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.given_data import open_dataset
from atsc_keras.training.phases import Phase, fit_distillation
from atsc_keras.training.records import renew_records, write_records
from atsc_keras.training.saved_phases import (
    holds_teachers,
    load_teachers,
    save_model,
    train_classifier,
    train_teachers,
)


def train(
    config: ExperimentConfig,
    run_dir: str | Path,
    *,
    dataset: Dataset | None = None,
    role: Literal["teacher", "student"] = "teacher",
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train a plain supervised classifier.

    Args:
        config: of the experiment.
        run_dir: folder to write to; `model.keras` is the result.
        dataset: in place of what `config.data` would load; default: loaded.
        role: which network of the config, with which recipe: the (first)
            "teacher", default, or the "student" alone.
        resume: go on with the run that the folder holds.
        overwrite: delete the run that the folder holds.

    Returns:
        What `metrics.json` holds.

    Raises:
        InputError: if config, data or folder cannot be used.
        DivergedError: if the loss is not finite.
    """
    teacher, student = config.teachers[0], config.student
    asked = teacher if role == "teacher" else student
    if asked.training is None:
        raise InputError(
            f"The {role} of the config must say how it is trained. Received: "
            "training=null. Give at least its epochs."
        )
    experiment = Experiment.open(config, dataset)
    part = Part(Role.TEACHER if role == "teacher" else Role.STUDENT_ALONE)
    with placed(config):
        # What cannot be built is found now.
        network = (
            experiment.teachers()[0]
            if part.role is Role.TEACHER
            else experiment.student()
        )
        folder = _start(config, run_dir, f"train {role}", resume, overwrite)
        phase = Phase(
            part.stem, asked.training, config, experiment.dataset, folder
        )
        train_classifier(phase, network, "model")
    files = {part: ("model", asked.network)}
    return write_records(folder, config, experiment.dataset, files)


def distill(
    config: ExperimentConfig,
    run_dir: str | Path,
    *,
    dataset: Dataset | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Distil the student of a config with ATSC.

    Teachers without weights, and the student alone where the config gives it
    a recipe, are trained first.

    Args:
        config: of the experiment.
        run_dir: folder to write to: `teacher.keras` as it was before
            adaptation, `adapted_teacher.keras`, `student_alone.keras`,
            `student.keras`, and the run's records.
        dataset: in place of what `config.data` would load; default: loaded.
        resume: go on with the run that the folder holds.
        overwrite: delete the run that the folder holds.

    Returns:
        What `metrics.json` holds.

    Raises:
        InputError: if config, data, folder or a saved network cannot be used.
        DivergedError: if a loss is not finite.
    """
    experiment = Experiment.open(config, dataset)
    dataset, student = experiment.dataset, config.student
    alone, distilled = Part(Role.STUDENT_ALONE), Part(Role.STUDENT)
    with placed(config):
        # What cannot be built is found now, not after hours of training.
        teachers = experiment.teachers()
        atsc = experiment.atsc(teachers)
        folder = _start(config, run_dir, "distill", resume, overwrite)
        goes_on = holds_teachers(folder, config)
        files = train_teachers(folder, teachers, config, dataset)
        parts = list(files)
        if student.training is not None:
            phase = Phase(alone.stem, student.training, config, dataset, folder)
            train_classifier(phase, experiment.student(), alone.stem)
            files[alone] = (alone.stem, student.network)
        if not folder.model_file(distilled).exists():
            if goes_on:
                atsc = experiment.atsc(load_teachers(folder, config, dataset))
            atsc.reset_starting_point()
            recipe = config.distillation.training
            name = "distillation"
            fit_distillation(atsc, Phase(name, recipe, config, dataset, folder))
            for part, teacher in zip(parts, atsc.teachers, strict=True):
                model = teacher.to_functional(part.stem)
                save_model(folder, part.adapted.stem, model)
            # Last: its presence says that the phase is complete.
            model = atsc.student.to_functional(folded=True)
            save_model(folder, distilled.stem, model)
    files[distilled] = (distilled.stem, student.network)
    for part, asked in zip(parts, config.teachers, strict=True):
        files[part.adapted] = (part.adapted.stem, asked.network)
    return write_records(folder, config, dataset, files)


def evaluate(
    config: ExperimentConfig,
    model: str | Path,
    network: str = "",
    *,
    dataset: Dataset | None = None,
) -> dict[str, Any]:
    """Evaluate a saved classifier on the test split of a config.

    Args:
        config: whose data counts.
        model: a `.keras` file.
        network: its name, for the table; default: the stem of the file.
        dataset: in place of what `config.data` would load; default: loaded.

    Returns:
        Accuracies, loss, parameters and multiply-adds.

    Raises:
        InputError: if data or model cannot be used.
    """
    path = Path(model)
    dataset = open_dataset(config, dataset)
    return evaluate_file(path, network or path.stem, dataset, config.data)


def evaluate_run(run_dir: str | Path) -> dict[str, Any]:
    """Evaluate every saved model of a run again, and renew its report.

    Args:
        run_dir: folder of a finished run.

    Returns:
        What its `metrics.json` now holds.

    Raises:
        InputError: if the folder holds no finished run.
    """
    folder = RunFolder(Path(run_dir))
    if not folder.file("metrics.json").exists():
        raise InputError(
            "`evaluate` needs a config, or the folder of a finished run. "
            f"Received: {run_dir}, which has no metrics.json. Finish the run "
            "with --resume."
        )
    metrics = read_metrics(folder.path)
    for role, model in metrics["models"].items():
        if not {"file", "network"} <= model.keys():
            raise damaged_record(
                folder.file("metrics.json"),
                f"models.{role} must have `file` and `network`",
            )
    config = load_config(folder.file("config.yaml"))
    return renew_records(folder, config, load_dataset(config.data), metrics)


def _start(
    config: ExperimentConfig,
    run_dir: str | Path,
    job: str,
    resume: bool,
    overwrite: bool,
) -> RunFolder:
    return RunFolder.open(
        Path(run_dir),
        config,
        describe_environment(job, config.seed),
        resume=resume,
        overwrite=overwrite,
    )
