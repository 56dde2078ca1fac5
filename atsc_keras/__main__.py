"""The command line: words -> config -> one call."""

import os
import sys
from pathlib import Path
from typing import Annotated
from typing import Literal

import typer

from atsc_keras.config import METHODS
from atsc_keras.config import load_config
from atsc_keras.config import load_variants
from atsc_keras.config import parse_numbers
from atsc_keras.errors import InputError
from atsc_keras.frameworks import join_frameworks
from atsc_keras.frameworks import prepare_frameworks
from atsc_keras.training.termination import ended_by_sigterm

app = typer.Typer(
    help="Distil small Keras classifiers from teachers that adapt to them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Config = Annotated[Path, typer.Argument(help="Experiment file (YAML).")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="Changes to it, each key.sub=value."),
]
RunDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the run; default: runs/NAME, of `train` "
        "runs/NAME_ROLE, of `compare` runs/NAME_comparison, of `benchmark` "
        "runs/NAME_benchmark; NAME is the config's."
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with an interrupted run.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Delete an earlier run first.")
]


@app.command()
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
) -> None:
    """Train a plain supervised classifier: a teacher, or a baseline."""
    experiment = load_config(config, overrides or ())
    folder = run_dir or Path("runs") / f"{experiment.name}_{role}"
    join_frameworks()
    from atsc_keras.training.experiment import train as run

    with ended_by_sigterm(folder):
        run(experiment, folder, role=role, resume=resume, overwrite=overwrite)
        _print_summary(folder)


@app.command()
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
) -> None:
    """Distil a student; trains the teacher first where it has no weights."""
    experiment = load_config(config, overrides or ())
    folder = run_dir or Path("runs") / experiment.name
    join_frameworks()
    from atsc_keras.training.experiment import distill as run

    with ended_by_sigterm(folder):
        run(experiment, folder, resume=resume, overwrite=overwrite)
        exported = 0
        if export:
            from atsc_keras.training.exporting import export_student

            exported = export_student(folder)
        _print_summary(folder)
    if exported:
        raise typer.Exit(1)


@app.command()
def compare(
    config: Config,
    overrides: Overrides = None,
    methods: Annotated[
        str,
        typer.Option(help="Names, by commas; `all` for every method."),
    ] = "student,kd,simkd,atsc",
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
) -> None:
    """Train one student by several methods and seeds, side by side."""
    experiment = load_config(config, overrides or ())
    names = [name.strip() for name in methods.split(",")]
    folder = run_dir or Path("runs") / f"{experiment.name}_comparison"
    numbers = parse_numbers("--seeds", seeds, int)
    rates = parse_numbers("--learning-rates", learning_rates, float)
    varied = load_variants(variants, config, overrides or ())
    join_frameworks()
    from atsc_keras.training.comparing.comparison import compare as run
    from atsc_keras.training.comparing.report import comparison_table

    with ended_by_sigterm(folder):
        summary = run(
            experiment,
            folder,
            METHODS if names == ["all"] else names,
            numbers,
            variants=varied,
            learning_rates=rates,
            resume=resume,
            overwrite=overwrite,
        )
    print(f"\n\n{comparison_table(summary)}")
    print(f"\nReport: {folder / 'report.html'}")


@app.command()
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
    prepare_frameworks()
    from atsc_keras.training.benchmarking.benchmark import benchmark as run
    from atsc_keras.training.benchmarking.report import benchmark_table
    from atsc_keras.training.benchmarking.steps import BenchmarkSettings

    settings = BenchmarkSettings(
        "auto" if jit_compile == "auto" else jit_compile == "true",
        trainable or None,
    )
    result = run(
        experiment,
        folder,
        settings,
        steps=steps,
        memory=memory,
        overwrite=overwrite,
    )
    print(f"\n{benchmark_table(result)}")
    print(f"\nFigures: {folder / 'benchmark.json'}")


@app.command()
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
    """Accuracy, loss and size of a saved model, or of all of a run."""
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
    prepare_frameworks()
    from atsc_keras.training.experiment import evaluate as run

    for name, value in run(experiment, model).items():
        text = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name:>14}  {text}")


@app.command()
def samples(
    config: Config,
    out: Annotated[Path, typer.Option(help="The npz file to write.")],
    overrides: Overrides = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier file.")
    ] = False,
) -> None:
    """Write images of a config's data, for `python -m export --data`."""
    experiment = load_config(config, overrides or ())
    if out.suffix != ".npz" or (out.exists() and not overwrite):
        raise InputError(
            "--out must be a new `.npz` file. Received: "
            f"{out}{', which is there already' if out.exists() else ''}. Name "
            "another, or add --overwrite."
        )
    prepare_frameworks()
    from atsc_keras.data import load_dataset
    from atsc_keras.training.samples import write_samples

    dataset = load_dataset(experiment.data)
    with dataset.naming_broken_files():
        write_samples(out, dataset)
    print(f"Samples: {out}")


def _evaluate_run(folder: Path, overrides: list[str]) -> None:
    if overrides:
        raise InputError(
            "The models of a run are evaluated with the config of the run. "
            f"Received: {' '.join(overrides)}. Leave it out, or name one "
            "model with --model."
        )
    prepare_frameworks()
    from atsc_keras.training.experiment import evaluate_run

    evaluate_run(folder)
    _print_summary(folder)


def _print_summary(folder: Path) -> None:
    from atsc_keras.training.reporting.report import write_report
    from atsc_keras.training.reporting.summary import summary_table
    from atsc_keras.training.run_folder import RunFolder

    run = RunFolder(folder)
    report = write_report(folder)
    print()
    print(
        summary_table(
            run.read_json("metrics.json"),
            run.read_json("export/export_report.json"),
        )
    )
    print(f"\nReport: {report}")


def main() -> None:
    """Run a command; a wrong input ends it with status 2 and one message."""
    try:
        app()
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except (RuntimeError, OSError) as error:
        # Only ours: those of frameworks and Python keep their traceback.
        if type(error).__module__.partition(".")[0] != "atsc_keras":
            raise
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
