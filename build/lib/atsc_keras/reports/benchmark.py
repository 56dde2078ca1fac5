"""A benchmark as tables."""

from atsc_keras.methods.registry import METHODS
from atsc_keras.records.benchmarks import Benchmark, Quartiles
from atsc_keras.records.run import Run
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


def _row(name: str, result: Benchmark) -> list[str]:
    steps = result.steps
    own, base = steps[name], [steps[TEACHER], steps[STUDENT]]

    def of_base(key: str) -> str:
        values = [getattr(step, key) for step in (own, *base)]
        if None in values or not sum(values[1:]):
            return NOTHING
        return f"{values[0] / sum(values[1:]):.2f}"

    def spread(ratio: Quartiles) -> str:
        low, middle, high = ratio
        return f"{middle:.2f} ({low:.2f}-{high:.2f})"

    return [
        LABELS[name],
        quantity(own.multiply_adds),
        of_base("multiply_adds"),
        f"{1000 * own.cpu_seconds[1]:.0f} ms",
        spread(own.cpu_ratio),
        quantity(own.peak_memory, "B"),
        of_base("peak_memory"),
        f"{1000 * own.wall_seconds[1]:.0f} ms",
        spread(own.wall_ratio),
        f"{own.first_step:.1f} s",
    ]


def _notes(result: Benchmark) -> list[str]:
    origin = result.origin
    need = result.batch_size / result.steps["atsc"].wall_seconds[1]
    return [
        f"{' and '.join(result.teachers)} -> {result.student}, batches of "
        f"{result.batch_size} images {list(result.image_shape)}, "
        f"{origin.backend} {origin.framework}, Keras {origin.keras}, "
        f"{result.precision}, jit_compile={result.settings.jit_compile}, "
        f"{', '.join(origin.devices)}.",
        "Times are medians of a step; ratios are to the supervised teacher "
        "step plus the supervised student step of the same round: median and "
        "quartiles. Multiply-adds: of a batch, forward once, and twice more "
        "for what learns. The first step compiles.",
        f"The input pipeline alone makes {result.images_per_second:,.0f} "
        f"images a second; ATSC takes {need:,.0f}.",
    ]


def benchmark_table(result: Benchmark) -> str:
    """Lay out the plain-text table that the command line prints."""
    rows = [_row(name, result) for name in result.steps]
    header = list(_COLUMNS)
    header[1], header[8] = "M.-adds", "Wall ratio"
    table = align(
        [header[column] for column in _IN_TERMINAL],
        [[row[column] for column in _IN_TERMINAL] for row in rows],
        left=1,
    )
    notes = [line for note in _notes(result) for line in wrap(note)]
    return "\n".join([*table, "", *notes])


def write_benchmark(run: Run, result: Benchmark) -> None:
    """Write `benchmark.json` and `benchmark.md`.

    Args:
        run: of the benchmark.
        result: its figures.
    """
    run.write(result)
    rows = [_row(name, result) for name in result.steps]
    body = markdown_table(_COLUMNS, rows)
    parts = [f"# {result.name}", body, *_notes(result)]
    run.write_text("benchmark.md", "\n\n".join(parts) + "\n")
