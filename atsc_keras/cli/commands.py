"""The commands: words -> config -> one call."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from atsc_keras.cli.options import (
    Config,
    Overrides,
    Overwrite,
    Quiet,
    Resume,
    RunDir,
    parse_numbers,
)
from atsc_keras.cli.output import going_on_with, muted, print_summary
from atsc_keras.comparing.candidates import (
    DEFAULT_METHODS,
    candidates_of,
    check_choices,
)
from atsc_keras.config import METHODS, load_config, load_variants
from atsc_keras.data.looking import look_at_data
from atsc_keras.errors import InputError
from atsc_keras.files.model_files import check_model_file
from atsc_keras.packages import FOR_TABLES
from atsc_keras.processes import (
    join_frameworks,
    prepare_frameworks,
    write_atomically,
)
from atsc_keras.records.benchmarks import BenchmarkSettings, check_steps
from atsc_keras.training.exporting import (
    check_exporter,
    export_student,
)
from atsc_keras.training.first_checks import (
    check_finished,
    check_first,
    check_role,
    check_samples_file,
)


def train(
    config: Config,
    overrides: Overrides = None,
    role: Annotated[
        Literal["teacher", "student"],
        typer.Option(help="Which network of the config to train."),
    ] = "teacher",
    run_dir: RunDir = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Train a plain supervised classifier: a teacher, or a baseline."""
    experiment = load_config(config, overrides or ())
    folder = run_dir or Path("runs") / f"{experiment.name}_{role}"
    check_first(
        experiment,
        folder,
        networks=[check_role(experiment, role)[0]],
        resume=resume,
        overwrite=overwrite,
    )
    with going_on_with(folder):
        join_frameworks()
        from atsc_keras.training.jobs import train as run

        with muted(quiet):
            run(
                experiment,
                folder,
                role=role,
                resume=resume,
                overwrite=overwrite,
            )
        print_summary(folder, quiet)


def distill(
    config: Config,
    overrides: Overrides = None,
    run_dir: RunDir = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    export: Annotated[
        bool,
        typer.Option("--export", help="Export and verify the student too."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Distil a student; trains the teacher first where it has no weights."""
    experiment = load_config(config, overrides or ())
    folder = run_dir or Path("runs") / experiment.name
    check_first(experiment, folder, resume=resume, overwrite=overwrite)
    if export:
        check_exporter()
    with going_on_with(folder):
        join_frameworks()
        from atsc_keras.training.jobs import distill as run

        with muted(quiet):
            run(experiment, folder, resume=resume, overwrite=overwrite)
        exported = 0
        if export:
            from atsc_keras.reports.report import renew_report

            exported = export_student(folder)
            renew_report(folder)
        print_summary(folder, quiet)
    if exported:
        raise typer.Exit(1)


def compare(
    config: Config,
    overrides: Overrides = None,
    methods: Annotated[
        str,
        typer.Option(help="Names, by commas; `all` for every method."),
    ] = ",".join(DEFAULT_METHODS),
    seeds: Annotated[str, typer.Option(help="Whole numbers, by commas.")] = "0",
    variants: Annotated[
        Path | None,
        typer.Option(help="YAML file of variants of ATSC."),
    ] = None,
    learning_rates: Annotated[
        str,
        typer.Option(help="By commas: each method gets the best of them."),
    ] = "",
    run_dir: RunDir = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Train one student by several methods and seeds, side by side."""
    experiment = load_config(config, overrides or ())
    names = [name.strip() for name in methods.split(",")]
    folder = run_dir or Path("runs") / f"{experiment.name}_comparison"
    numbers = parse_numbers("--seeds", seeds, int)
    rates = parse_numbers("--learning-rates", learning_rates, float)
    varied = load_variants(variants, config, overrides or ())
    asked = METHODS if names == ["all"] else names
    check_choices(candidates_of(experiment, asked, varied), numbers, rates)
    check_first(experiment, folder, resume=resume, overwrite=overwrite)
    with going_on_with(folder), muted(quiet):
        join_frameworks()
        from atsc_keras.comparing.comparison import compare as run
        from atsc_keras.reports.comparison import comparison_table

        summary = run(
            experiment,
            folder,
            asked,
            numbers,
            variants=varied,
            learning_rates=rates,
            resume=resume,
            overwrite=overwrite,
        )
    if not quiet:
        print(f"\n\n{comparison_table(summary)}\n")
    print(f"Report: {folder / 'report.html'}")


def benchmark(
    config: Config,
    overrides: Overrides = None,
    backend: Annotated[
        str | None,
        typer.Option(help="tensorflow, jax or torch; default: as set."),
    ] = None,
    precision: Annotated[
        Literal["float32", "mixed_bfloat16", "mixed_float16"] | None,
        typer.Option(help="Of the layers; default: the config's."),
    ] = None,
    jit_compile: Annotated[
        Literal["auto", "true", "false"],
        typer.Option(help="XLA, as in Model.compile."),
    ] = "auto",
    batch_size: Annotated[
        int | None, typer.Option(help="Default: the config's.")
    ] = None,
    steps: Annotated[
        int, typer.Option(help="Steps of each kind that are timed.")
    ] = 20,
    trainable: Annotated[
        list[str] | None,
        typer.Option(
            help="Layers that adapt in part, by name or regular expression; "
            "may be repeated; default: the teacher's last stage."
        ),
    ] = None,
    memory: Annotated[
        bool, typer.Option(help="Measure peak memory, in more processes.")
    ] = True,
    run_dir: RunDir = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Time the steps of training against each other."""
    changes = list(overrides or ())
    if batch_size is not None:
        changes.append(f"data.batch_size={batch_size}")
    if precision is not None:
        changes.append(f"precision={precision}")
    experiment = load_config(config, changes)
    folder = run_dir or Path("runs") / f"{experiment.name}_benchmark"
    if backend is not None:
        os.environ["KERAS_BACKEND"] = backend
    settings = BenchmarkSettings(
        jit_compile="auto" if jit_compile == "auto" else jit_compile == "true",
        trainable=tuple(trainable) if trainable else None,
        steps=steps,
        memory=memory,
    )
    check_steps(settings)
    check_first(experiment, folder, overwrite=overwrite, needed=FOR_TABLES)
    with going_on_with(folder, "--overwrite"), muted(quiet):
        prepare_frameworks()
        from atsc_keras.benchmarking.benchmark import benchmark as run
        from atsc_keras.reports.benchmark import benchmark_table

        result = run(
            experiment,
            folder,
            settings,
            overwrite=overwrite,
        )
    if not quiet:
        print(f"\n{benchmark_table(result)}\n")
    print(f"Figures: {folder / 'benchmark.json'}")


def evaluate(
    config: Annotated[
        Path,
        typer.Argument(help="Experiment file, or the folder of a run."),
    ],
    overrides: Overrides = None,
    model: Annotated[
        Path | None, typer.Option(help="A .keras file to evaluate.")
    ] = None,
) -> None:
    """Measure accuracy, loss and size of a saved model, or of all of a run."""
    if config.is_dir() and model is None:
        _evaluate_run(config, overrides or [])
        return
    source = config / "config.yaml" if config.is_dir() else config
    experiment = load_config(source, overrides or ())
    if model is None:
        raise InputError(
            "`evaluate` needs a model, or the folder of a run. Received: "
            f"{config} without --model. Add --model FILE.keras."
        )
    check_model_file(model)
    look_at_data(experiment.data)
    prepare_frameworks()
    from atsc_keras.training.jobs import evaluate as run

    for name, value in run(experiment, model):
        text = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name:>14}  {text}")


def samples(
    config: Config,
    out: Annotated[Path, typer.Option(help="The npz file to write.")],
    overrides: Overrides = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace earlier samples.")
    ] = False,
) -> None:
    """Write images of a config's data, for `export --data`."""
    experiment = load_config(config, overrides or ())
    check_samples_file(out, experiment, overwrite)
    look_at_data(experiment.data)
    prepare_frameworks()
    from atsc_keras.data import load_dataset
    from atsc_keras.training.samples import write_samples

    dataset = load_dataset(experiment.data)
    with dataset.naming_broken_files():
        write_atomically(out, lambda path: write_samples(path, dataset))
    print(f"Samples: {out}")


def _evaluate_run(folder: Path, overrides: list[str]) -> None:
    if overrides:
        raise InputError(
            "The models of a run are evaluated with the config of the run. "
            f"Received: {' '.join(overrides)}. Leave it out, or name one "
            "model with --model."
        )
    check_finished(folder)
    prepare_frameworks()
    from atsc_keras.training.jobs import evaluate_run

    evaluate_run(folder)
    print_summary(folder)
