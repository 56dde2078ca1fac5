"""Every shipped config is valid, says what it is, and trains."""

import re
from pathlib import Path

import numpy as np
import pytest

from atsc_keras.config import load_config
from atsc_keras.data import load_dataset
from atsc_keras.models.networks import build_encoder
from atsc_keras.records.run import Run
from atsc_keras.training.environment import describe_origin
from atsc_keras.training.experiment import Experiment
from atsc_keras.training.networks import build_teacher
from atsc_keras.training.phases import Phase, fit_distillation
from atsc_keras.training.trainers import build_atsc
from tests.markers import ONCE
from tests.mocked_tfds import mocked_tfds, write_imagenet_records
from tests.tiny_experiment import write_data

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))
PUBLISHED = [
    path for path in CONFIGS if path.stem.startswith(("cifar", "imag"))
]
COMMON = sorted((Path(__file__).parent.parent / "configs/common").glob("*"))
# What a recipe says itself: a default that changes would change it in silence.
LOSSES = {
    *("feature_loss", "feature_loss_weight", "l2sp_weight", "l2sp_scope"),
    *("student_loss_weight", "logits_loss_weight", "temperature", "reduction"),
    "projector",
}
OPTIMIZERS = {"teacher_optimizer", "classifier_optimizer"}
OPTIMIZER = {"name", "learning_rate", "momentum", "nesterov", "weight_decay"}
SCHEDULE = {"name", "milestones", "factor", "warmup_epochs"}
DATA = {"source", "batch_size", "crop_padding", "crop_area", "flip"}


@ONCE
@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_config_loads_and_names_known_networks(path: Path) -> None:
    config = load_config(path)
    for network in (*config.teachers, config.student):
        build_encoder(network.network, (32, 32, 3))
    header = path.read_text().split("\nextends:")[0]
    assert header.startswith("# What: ")
    assert f"configs/{path.name}" in header


def test_there_are_configs() -> None:
    assert CONFIGS and COMMON


@pytest.mark.parametrize("path", COMMON, ids=[path.stem for path in COMMON])
def test_common_file_says_what_it_is_and_is_extended(path: Path) -> None:
    header = re.split(r"\n(?!#)", path.read_text())[0]
    assert header.startswith("# What: ")
    assert "no experiment by itself" in header.replace("\n# ", " ")
    assert any(
        f"\nextends: common/{path.name}\n" in config.read_text()
        for config in CONFIGS
    )


@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_recipe_says_what_a_default_may_change(path: Path) -> None:
    config = load_config(path)
    distillation, data = config.distillation, config.data
    assert distillation.model_fields_set >= LOSSES | OPTIMIZERS
    assert distillation.reduction == 2  # said, and by no rule
    given = data.model_dump(exclude_none=True).keys()
    assert data.model_fields_set >= DATA & given
    recipes = [
        *(x.training for x in (*config.teachers, config.student, distillation)),
        *(method.training for _, method in config.methods if method),
    ]
    optimizers = [getattr(distillation, name) for name in OPTIMIZERS]
    for recipe in filter(None, recipes):
        optimizers.append(recipe.optimizer)
        schedule = recipe.schedule
        assert schedule.model_fields_set == (
            SCHEDULE & schedule.model_dump().keys()
        )
    for optimizer in filter(None, optimizers):
        said = optimizer.model_fields_set
        assert said >= OPTIMIZER & optimizer.model_dump().keys()


@ONCE
@pytest.mark.filterwarnings("ignore:Even though the")  # of tf.data
@pytest.mark.filterwarnings("ignore:.* no training image")
@pytest.mark.parametrize(
    "path", PUBLISHED, ids=[path.stem for path in PUBLISHED]
)
def test_published_recipe_trains_on_made_up_images(
    path: Path, tmp_path: Path
) -> None:
    """Two steps, eager: compiling them all takes minutes.

    Networks with grouped convolutions are compiled all the same, as in every
    training: eagerly their gradient exists on processors with oneDNN only.
    """
    import tensorflow as tf

    smaller = ["data.batch_size=2", "distillation.training.epochs=1"]
    asked = load_config(path)
    if any(x.weights for x in asked.teachers):  # they cannot be downloaded
        smaller += ["data.image_size=64"]
        several = isinstance(asked.teacher, tuple)
        for teacher in ("teacher.0", "teacher.1") if several else ("teacher",):
            smaller += [f"{teacher}.weights=null"]
            smaller += [f"{teacher}.training={{epochs: 1}}"]
    if path.stem.startswith(("cifar20", "imagenette")):
        smaller += ["data.source=npz", "data.name=null", "data.classes=null"]
        smaller += [f"data.path={write_data(tmp_path)}", "data.batch_size=24"]
    config = load_config(path, smaller)
    try:
        with mocked_tfds(tmp_path / "tfds", count=4):
            write_imagenet_records(count=4)
            dataset = load_dataset(config.data)
            teachers = [build_teacher(x, dataset) for x in config.teachers]
            experiment = Experiment(config, dataset)
            atsc = build_atsc(teachers, experiment)
            grouped = any(
                getattr(layer, "groups", 1) > 1
                for model in (atsc.student, *atsc.teachers)
                for layer in model._flatten_layers()
            )
            tf.config.run_functions_eagerly(not grouped)
            origin = describe_origin("distill", experiment)
            with Run.open(tmp_path / "run", origin) as run:
                recipe = config.distillation.training
                phase = Phase("distillation", recipe, experiment, run)
                fit_distillation(atsc, phase)
    finally:
        tf.config.run_functions_eagerly(False)
    assert int(atsc.optimizer.iterations) == 2
    (epoch,) = run.history()
    assert np.isfinite(epoch.logs["loss"])
