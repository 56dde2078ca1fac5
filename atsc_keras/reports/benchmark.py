"""A benchmark as tables."""

from typing import Any

from atsc_keras.methods.registry import METHODS
from atsc_keras.records.run import RunFolder
from atsc_keras.reports.numbers import NOTHING, quantity
from atsc_keras.reports.tables import align, markdown_table, wrap

# Each supervised step; ATSC as a whole, with a teacher that adapts in its
# last stage, and with a fixed one; KD by Keras's own Distiller.
TEACHER, STUDENT = "teacher", "student"
STEPS = (TEACHER, STUDENT, "atsc", "atsc_partial", "simkd", "kd")
LABELS = {
    TEACHER: "Teacher, supervised",
    STUDENT: "Student, supervised",
    "atsc": METHODS["atsc"].label,
    "atsc_partial": f"{METHODS['atsc'].label}, last stage",
    "simkd": METHODS["simkd"].label,
    "kd": f"{METHODS['kd'].label} (Distiller)",
}

_COLUMNS = (
    *("Step", "Multiply-adds", "Ratio", "CPU time", "Ratio", "Memory"),
    *("Ratio", "Wall time", "Ratio", "First step"),
)
_IN_TERMINAL = (0, 1, 2, 3, 4, 8, 5, 6)


def _row(name: str, result: dict[str, Any]) -> list[str]:
    steps = result["steps"]
    own = steps[name]

    def of_base(key: str) -> str:
        base = [steps[other][key] for other in (TEACHER, STUDENT)]
        return f"{own[key] / sum(base):.2f}" if sum(base) else NOTHING

    def ratio(clock: str) -> str:
        low, middle, high = own[f"{clock}_ratio"]
        return f"{middle:.2f} ({low:.2f}-{high:.2f})"

    known = own["peak_memory"] is not None
    return [
        LABELS[name],
        quantity(own["multiply_adds"]),
        of_base("multiply_adds"),
        f"{1000 * own['cpu_seconds'][1]:.0f} ms",
        ratio("cpu"),
        quantity(own["peak_memory"], "B") if known else NOTHING,
        of_base("peak_memory") if known else NOTHING,
        f"{1000 * own['wall_seconds'][1]:.0f} ms",
        ratio("wall"),
        f"{own['first_step']:.1f} s",
    ]


def _notes(result: dict[str, Any]) -> list[str]:
    environment, settings = result["environment"], result["settings"]
    backend = environment["backend"]
    images = result["input_pipeline"]["images_per_second"]
    batch_size = result["batch_size"]
    need = batch_size / result["steps"]["atsc"]["wall_seconds"][1]
    return [
        f"{' and '.join(result['teachers'])} -> {result['student']}, batches "
        f"of {batch_size} images {result['image_shape']}, {backend} "
        f"{environment[backend]}, Keras {environment['keras']}, "
        f"{result['precision']}, jit_compile={settings['jit_compile']}, "
        f"{', '.join(environment['devices'])}.",
        "Times are medians of a step; ratios are to the supervised teacher "
        "step plus the supervised student step of the same round: median and "
        "quartiles. Multiply-adds: of a batch, forward once, and twice more "
        "for what learns. The first step compiles.",
        f"The input pipeline alone makes {images:,.0f} images a second; ATSC "
        f"takes {need:,.0f}.",
    ]


def benchmark_table(result: dict[str, Any]) -> str:
    """The plain-text table that the command line prints.

    Args:
        result: what `benchmark.json` holds.
    """
    rows = [_row(name, result) for name in result["steps"]]
    header = list(_COLUMNS)
    header[1], header[8] = "M.-adds", "Wall ratio"
    table = align(
        [header[column] for column in _IN_TERMINAL],
        [[row[column] for column in _IN_TERMINAL] for row in rows],
        left=1,
    )
    notes = [line for note in _notes(result) for line in wrap(note)]
    return "\n".join([*table, "", *notes])


def write_benchmark(folder: RunFolder, result: dict[str, Any]) -> None:
    """Write `benchmark.json` and `benchmark.md`.

    Args:
        folder: of the benchmark.
        result: of `benchmark`.
    """
    folder.write_json("benchmark.json", result)
    rows = [_row(name, result) for name in result["steps"]]
    body = markdown_table(_COLUMNS, rows)
    parts = [f"# {result['name']}", body, *_notes(result)]
    folder.write_text("benchmark.md", "\n\n".join(parts) + "\n")
