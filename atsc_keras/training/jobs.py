"""The jobs of the command line: `train`, `distill`, `evaluate`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from atsc_keras.config import ExperimentConfig, load_recorded
from atsc_keras.data.dataset import Dataset
from atsc_keras.distillation.shipping import shipped
from atsc_keras.errors import InputError
from atsc_keras.records.models import Metrics, ModelRecord, Origin
from atsc_keras.records.roles import DISTILLATION, Part, Role
from atsc_keras.records.run import CONFIG, Run
from atsc_keras.training.devices import placed
from atsc_keras.training.environment import describe_origin
from atsc_keras.training.evaluation import evaluate_file
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.first_checks import check_finished, check_role
from atsc_keras.training.memory import fitting_in_memory
from atsc_keras.training.opening import open_dataset, open_experiment
from atsc_keras.training.phases import Phase, fit_distillation
from atsc_keras.training.results import renew_results, write_results
from atsc_keras.training.saved_phases import (
    holds_teachers,
    load_teachers,
    train_classifier,
    train_teachers,
)
from atsc_keras.training.sizes import tell_sizes
from atsc_keras.training.trainers import build_atsc, build_same_size


def train(
    config: ExperimentConfig,
    run_dir: str | Path,
    *,
    dataset: Dataset | None = None,
    role: Literal["teacher", "student"] = "teacher",
    resume: bool = False,
    overwrite: bool = False,
) -> Metrics:
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
        OutOfMemoryError: if a batch does not fit in memory.
    """
    asked, recipe = check_role(config, role)
    experiment = open_experiment(config, dataset)
    part = Part(Role.TEACHER if role == "teacher" else Role.STUDENT_ALONE)
    origin = describe_origin(f"train {role}", experiment)
    with ExitStack() as stack:
        stack.enter_context(fitting_in_memory(experiment))
        stack.enter_context(placed(config))
        # What cannot be built is found now.
        network = (
            experiment.teachers()[0]
            if part.role is Role.TEACHER
            else experiment.student()
        )
        run = stack.enter_context(
            Run.open(Path(run_dir), origin, resume=resume, overwrite=overwrite)
        )
        phase = Phase(part.stem, recipe, experiment, run)
        train_classifier(phase, network, "model")
        return write_results(run, experiment, {part: ("model", asked.network)})


def distill(
    config: ExperimentConfig,
    run_dir: str | Path,
    *,
    dataset: Dataset | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Metrics:
    """Distil the student of a config with ATSC.

    Teachers without weights, and the student alone where the config gives it
    a recipe, are trained first; so is the network of the same size, where it
    asks for that.

    Args:
        config: of the experiment.
        run_dir: folder to write to: `teacher.keras` as it was before
            adaptation, `adapted_teacher.keras`, `student_alone.keras`,
            `student_same_size.keras`, `student.keras`, and the run's records.
        dataset: in place of what `config.data` would load; default: loaded.
        resume: go on with the run that the folder holds.
        overwrite: delete the run that the folder holds.

    Returns:
        What `metrics.json` holds.

    Raises:
        InputError: if config, data, folder or a saved network cannot be used.
        DivergedError: if a loss is not finite.
        OutOfMemoryError: if a batch does not fit in memory.
    """
    experiment = open_experiment(config, dataset)
    origin, student = describe_origin("distill", experiment), config.student
    alone, distilled = Part(Role.STUDENT_ALONE), Part(Role.STUDENT)
    equal = Part(Role.STUDENT_SAME_SIZE)
    with ExitStack() as stack:
        stack.enter_context(fitting_in_memory(experiment))
        stack.enter_context(placed(config))
        # What cannot be built is found now, not after hours of training.
        teachers = experiment.teachers()
        atsc = build_atsc(teachers, experiment)
        run = stack.enter_context(
            Run.open(Path(run_dir), origin, resume=resume, overwrite=overwrite)
        )
        learner = experiment.student()
        tell_sizes(teachers, learner, [atsc.student])
        goes_on = holds_teachers(run, experiment)
        files = train_teachers(run, experiment, teachers)
        parts = list(files)
        if student.training is not None:
            phase = Phase(alone.stem, student.training, experiment, run)
            train_classifier(phase, learner, alone.stem)
            files[alone] = (alone.stem, student.network)
        if student.training is not None and student.same_size:
            phase = Phase(equal.stem, student.training, experiment, run)
            network = build_same_size(teachers, experiment)
            train_classifier(phase, network, equal.stem)
            files[equal] = (equal.stem, student.network)
        if distilled.stem not in run.state:
            if goes_on:
                atsc = build_atsc(load_teachers(run, experiment), experiment)
            atsc.reset_starting_point()
            recipe = config.distillation.training
            fit_distillation(atsc, Phase(DISTILLATION, recipe, experiment, run))
            for part, teacher in zip(parts, atsc.teachers, strict=True):
                stem = part.adapted.stem
                run.save(stem, teacher.to_functional(stem))
            # Last: with it the phase is done.
            run.save(distilled.stem, shipped(atsc.student))
        files[distilled] = (distilled.stem, student.network)
        for part, asked in zip(parts, config.teachers, strict=True):
            files[part.adapted] = (part.adapted.stem, asked.network)
        return write_results(run, experiment, files)


def evaluate(
    config: ExperimentConfig,
    model: str | Path,
    network: str = "",
    *,
    dataset: Dataset | None = None,
) -> ModelRecord:
    """Evaluate a saved classifier on the test split of a config.

    It is given plain pixels. A line of output says so where images show that
    it wants others.

    Args:
        config: whose data counts.
        model: a `.keras` file. One sigmoid unit is two classes.
        network: its name, for the table; default: the stem of the file.
        dataset: in place of what `config.data` would load; default: loaded.

    Returns:
        Accuracies, loss, parameters and multiply-adds.

    Raises:
        InputError: if data or model cannot be used.
    """
    path = Path(model)
    experiment = Experiment(config, open_dataset(config, dataset))
    with fitting_in_memory(experiment):
        return evaluate_file(
            path, network or path.stem, experiment, is_foreign=True
        )


def evaluate_run(run_dir: str | Path) -> Metrics:
    """Evaluate every saved model of a run again, and renew its report.

    Args:
        run_dir: folder of a finished run.

    Returns:
        What its `metrics.json` now holds.

    Raises:
        InputError: if the folder holds no finished run.
    """
    metrics = check_finished(Path(run_dir))
    with Run.renew(Path(run_dir)) as run:
        config = load_recorded(run.file(CONFIG))
        dataset = open_dataset(config, None)
        learnt = run.demand(Origin).data_digest
        if learnt not in (None, dataset.digest):
            raise InputError(
                "A run is evaluated on the data that it was made with. "
                f"Received: {run.path}, of data {learnt}; its config loads "
                f"{dataset.digest}. Put the former data back, or evaluate "
                "its models one by one."
            )
        experiment = Experiment(config, dataset)
        with fitting_in_memory(experiment):
            return renew_results(run, experiment, metrics)
