"""What a comparison trains: methods, and variants of ATSC."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atsc_keras.config import (
    STUDENT_ALONE,
    STUDENT_SAME_SIZE,
    ExperimentConfig,
    OptimizerConfig,
    RecipeConfig,
)
from atsc_keras.config.values import check_value
from atsc_keras.errors import InputError
from atsc_keras.methods.registry import find_method

DEFAULT_METHODS = (STUDENT_ALONE, STUDENT_SAME_SIZE, "kd", "simkd", "atsc")
_ALONE_IN_0_1 = "student"  # what its folder was called
_MOST_CHOICES = 100


def folder_name(name: str) -> str:
    """Spell a candidate's name as a part of a path, which has no colon."""
    return name.replace(":", "@")


def candidate_name(folder: str) -> str:
    """Read a name back from `folder_name`."""
    name = folder.replace("@", ":")
    return STUDENT_ALONE if name == _ALONE_IN_0_1 else name


def trial_folder(comparison: Path, name: str, seed: int) -> Path:
    """Name the folder of a candidate with a seed, in that of a comparison."""
    runs = comparison / "runs"
    old = runs / f"{_ALONE_IN_0_1}_seed{seed}"
    if name == STUDENT_ALONE and old.exists():
        return old
    return runs / f"{folder_name(name)}_seed{seed}"


def trial_of(folder: Path) -> tuple[str, int | None]:
    """Read name and seed back from `trial_folder`; no seed of another's."""
    name, _, seed = folder.name.rpartition("_seed")
    is_seed = seed.isascii() and seed.isdecimal()
    return candidate_name(name), int(seed) if is_seed else None


@dataclass(frozen=True)
class Candidate:
    """A method as a config words it.

    Attributes:
        name: of its folders and records: the method, or `atsc-` and the name
            of a variant.
        method: of `METHODS`.
        config: of the experiment.
    """

    name: str
    method: str
    config: ExperimentConfig

    @property
    def folder_name(self) -> str:
        """The name as a part of a path."""
        return folder_name(self.name)

    @property
    def has_shared_head(self) -> bool:
        """Whether its student has the teacher's classifier."""
        return find_method(self.method).kind == "shared_head"

    @property
    def is_taught(self) -> bool:
        """Whether its student learns from a teacher, not from labels alone."""
        return find_method(self.method).kind != "labels"

    @property
    def recipe(self) -> RecipeConfig | None:
        """How it trains; None where the config does not say."""
        own = self.config.methods.of(self.method)
        if own.training is not None:
            recipe: RecipeConfig = own.training
            return recipe
        if self.has_shared_head:
            return self.config.distillation.training
        return self.config.student.training

    def with_rate(self, learning_rate: float) -> "Candidate":
        """Make the same with another learning rate of the student.

        Raises:
            ValueError: if it has no recipe.
        """
        if self.recipe is None:
            raise ValueError(f"no recipe for {self.method}")
        optimizer = self.recipe.optimizer.model_copy(
            update={"learning_rate": learning_rate}
        )
        recipe = self.recipe.model_copy(update={"optimizer": optimizer})
        config, update = self.config, {"training": recipe}
        changed: dict[str, Any]
        if not self.is_taught:
            changed = {"student": config.student.model_copy(update=update)}
        elif self.method == "atsc":
            distillation = config.distillation.model_copy(update=update)
            changed = {"distillation": distillation}
        else:
            own = config.methods.of(self.method)
            methods = config.methods.model_copy(
                update={self.method: own.model_copy(update=update)}
            )
            changed = {"methods": methods}
        return Candidate(
            self.name, self.method, config.model_copy(update=changed)
        )


def candidates_of(
    config: ExperimentConfig,
    methods: Collection[str],
    variants: Mapping[str, ExperimentConfig],
) -> list[Candidate]:
    """List every method once, then the variants of ATSC.

    Args:
        config: of the comparison.
        methods: of `METHODS`.
        variants: each a config by its name.
    """
    names = dict.fromkeys(find_method(method).name for method in methods)
    return [
        *(Candidate(name, name, config) for name in names),
        *(
            Candidate(f"atsc-{name}", "atsc", variant)
            for name, variant in variants.items()
        ),
    ]


def check_choices(
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    rates: Sequence[float],
) -> None:
    """Check what is to be compared, before anything is loaded.

    Args:
        candidates: methods and variants.
        seeds: of students, order and augmentation.
        rates: learning rates to choose from; may be empty.

    Raises:
        InputError: if a method has no recipe or too many teachers, or seeds
            or rates cannot be compared.
    """
    for candidate in candidates:
        if candidate.recipe is None:
            raise InputError(
                "`compare` must know how to train with "
                f"{candidate.method}. Received: student.training=null. Give "
                "at least its epochs."
            )
    fixed = [
        candidate
        for candidate in candidates
        if find_method(candidate.method).kind == "fixed_teacher"
    ]
    if fixed and len(fixed[0].config.teachers) > 1:
        raise InputError(
            "Methods of a fixed teacher have one teacher. Received: "
            f"{', '.join(x.method for x in fixed)} with "
            f"{len(fixed[0].config.teachers)} teachers. Compare "
            f"{STUDENT_ALONE}, {STUDENT_SAME_SIZE}, simkd and atsc, or name "
            "one teacher."
        )
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise InputError(
            "`--seeds` must be different whole numbers from 0 on. Received: "
            f"{','.join(map(str, seeds)) or 'none'}. Use, for example, 0,1,2."
        )
    if len(set(rates)) < len(rates):
        raise InputError(
            "`--learning-rates` must be different numbers. Received: "
            f"{','.join(map(str, rates))}. Use, for example, 0.05,0.2."
        )
    for option, values in (("--seeds", seeds), ("--learning-rates", rates)):
        if len(values) > _MOST_CHOICES:
            raise InputError(
                f"`{option}` must be at most {_MOST_CHOICES} numbers. "
                f"Received: {len(values)}. Compare them in several runs."
            )
    for seed in seeds:
        check_value(ExperimentConfig, "seed", int(seed), "--seeds")
    for rate in rates:
        check_value(
            OptimizerConfig, "learning_rate", float(rate), "--learning-rates"
        )
