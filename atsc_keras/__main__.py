"""The command line: words -> config -> one call."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated
from typing import Literal

import typer

from atsc_keras.config import ExperimentConfig
from atsc_keras.config import load_config
from atsc_keras.errors import InputError

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
    typer.Option(help="Folder of the run; default: runs/<name>."),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with an interrupted run.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Delete an earlier run first.")
]


def _run_dir(config: ExperimentConfig, asked: Path | None) -> Path:
    return asked or Path("runs") / config.name


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
    folder = _run_dir(experiment, run_dir)
    _quiet_frameworks()
    from atsc_keras.training.experiment import train as run

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
    folder = _run_dir(experiment, run_dir)
    _quiet_frameworks()
    from atsc_keras.training.experiment import distill as run

    run(experiment, folder, resume=resume, overwrite=overwrite)
    exported = 0
    if export:
        exported = _export(folder)
    _print_summary(folder)
    if exported:
        raise typer.Exit(1)


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
    _quiet_frameworks()
    from atsc_keras.training import experiment as jobs

    if config.is_dir() and model is None:
        jobs.evaluate_run(config)
        _print_summary(config)
        return
    if model is None:
        raise InputError(
            "`evaluate` needs a model, or the folder of a run. Received: "
            f"{config} without --model. Add --model FILE.keras."
        )
    source = config / "config.yaml" if config.is_dir() else config
    scores = jobs.evaluate(load_config(source, overrides or ()), model)
    for name, value in scores.items():
        text = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name:>14}  {text}")


def _export(folder: Path) -> int:
    """Export the run's student in a process of its own; its exit status."""
    command: list[str | Path] = [
        *(sys.executable, "-m", "export", folder / "student.keras"),
        *("--out", folder / "export", "--overwrite"),
        *("--images", folder / "samples.npz"),
    ]
    sys.stdout.flush()
    return subprocess.run(command, check=False).returncode


def _print_summary(folder: Path) -> None:
    from atsc_keras.training.report import write_report
    from atsc_keras.training.run_folder import RunFolder
    from atsc_keras.training.summary import summary_table

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


def _quiet_frameworks() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main() -> None:
    """Run a command; a wrong input ends it with status 2 and one message."""
    try:
        app()
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        # Only ours: a framework's own errors keep their traceback.
        if type(error).__module__.partition(".")[0] != "atsc_keras":
            raise
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
