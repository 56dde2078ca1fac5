"""What each mistake in a config is told."""

from pathlib import Path

import pytest

from atsc_keras.config import load_config
from atsc_keras.errors import InputError
from tests.config.conftest import SMALLEST, Write


def _message(path: Path, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        load_config(path, overrides)
    return str(caught.value)


@pytest.mark.parametrize("value", ["2026-02-30", "!!int x", "[1"])
def test_value_that_is_no_yaml_is_one_message(write: Write, value: str) -> None:
    message = _message(write(SMALLEST), f"name={value}")
    assert "the value is not YAML. Put text in quotes." in message
    assert "must be YAML" in _message(write(f"name: {value}\n{SMALLEST}"))


def test_unknown_key_names_the_nearest_known_key(write: Write) -> None:
    message = _message(write(SMALLEST), "data.batch_sise=3")
    assert "data.batch_sise: unknown key" in message
    assert "Received: batch_sise=3" in message
    assert "Did you mean `batch_size`?" in message


def test_known_key_in_the_wrong_section_names_its_place(write: Write) -> None:
    message = _message(write(SMALLEST), "temperature=3")
    assert "Did you mean `distillation.temperature`?" in message


def test_key_near_to_none_lists_the_known_ones(write: Write) -> None:
    message = _message(write(SMALLEST), "student.zzz=3")
    assert (
        "Known keys: network, weights, pixels, batch_norm_momentum, training, "
        "same_size." in message
    )


def test_all_mistakes_of_a_file_come_at_once(write: Write) -> None:
    message = _message(
        write(
            "seed: -1\n"
            "data: {source: tfds, batch_size: 0, flip: 1, std: [0]}\n"
            "teacher:\n"
            "- {network: 3, weights: w}\n"
            "- {network: a}\n"
            "distillation: {training: {epochs: 1.5}, l2sp_scope: some,\n"
            " feature_loss: mae}\n"
        ),
        "nonsense",
    )
    first, *lines = message.splitlines()
    assert first.endswith("digits.yaml has 12 mistakes:")
    assert "an override must be key=value" in lines[0]
    assert {line.split(":")[0].strip() for line in lines[1:]} == {
        "seed",
        "data.name",
        "data.batch_size",
        "data.flip",
        "data.std.0",
        "teacher.0.network",
        "teacher.1.training",
        "student",
        "distillation.training.epochs",
        "distillation.l2sp_scope",
        "distillation.feature_loss",
    }
    assert all("Received: " in line for line in lines)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=true", "seed: must be a whole number. Received: seed=true."),
        ("seed=99999999999", "seed: must be at most 4294967295."),
        ("name=a/b", "name: must be usable as the name of a folder."),
        ("data.source=mnist", "Use 'digits', 'npz', "),
        ("data.source=npz", "data.path: is required for source: npz."),
        ("data.path=x", "data.path: is not used by source: digits."),
        ("data.name=x", "data.name: is not used by source: digits."),
        ("data.batch_size=0", "must be greater than 0. Received: batch_size=0"),
        ("data.crop_padding=-1", "data.crop_padding: must be at least 0."),
        *(
            (
                f"data.crop_area={area}",
                "data.crop_area: must be a smallest and a largest share",
            )
            for area in ("[0.5]", "[0, 1]", "[0.5, 0.4]", "[0.5, 1.5]")
        ),
        ("data.crop_area=0.5", "Write, for example, crop_area: [0.08, 1.0]."),
        ("data.evaluation_resize=256", "needs an image_size"),
        (
            "data={image_size: 32, evaluation_resize: 31}",
            "not be smaller than image_size, which is 32. Received: evaluation",
        ),
        ("data.augmentations=mixup", "data.augmentations: must be a list."),
        (
            "data.augmentations=[{name: mixip}]",
            "data.augmentations.0.name: must be one of the known values. "
            "Received: name='mixip'. Did you mean 'mixup'? Use 'rand_augment'",
        ),
        (
            "data.augmentations=[{name: mixup, alfa: 1}]",
            "data.augmentations.0.alfa: unknown key. Received: alfa=1. Did you "
            "mean `alpha`?",
        ),
        (
            "data.augmentations=[{name: rand_augment, alpha: 1}]",
            "alpha: is only for name: mixup, cutmix, not for name: rand_aug",
        ),
        (
            "data.augmentations=[{name: rand_augment, magnitude: 1.5}]",
            "data.augmentations.0.magnitude: must be at most 1.",
        ),
        (
            "data.augmentations=[{name: random_erasing, area: [0, 0.4]}]",
            "data.augmentations.0.area: must be a smallest and a largest",
        ),
        (
            "data.augmentations=[{name: grid_mask, ratio: [0, 2]}]",
            "0 <= smallest <= largest <= 1",
        ),
        (
            "data={augmentations: [{name: mixup}], augment_on: device}",
            "data.augment_on: must be host where there are augmentations.",
        ),
        ("data.mean=3", "data.mean: must be a list. Received: mean=3."),
        ("data.mean=[.nan]", "data.mean.0: must be a finite number."),
        ("data={mean: [1], std: [1, 2]}", "like mean, which is [1.0]."),
        ("student=null", "student: must be a mapping of keys to values."),
        ("teacher=[]", "teacher: must name at least one teacher."),
        ("teacher.training=null", "is required where no weights are given."),
        ("distillation.temperature=0", "must be at least 0.01."),
        ("distillation.temperature='4'", "must be a number."),
        (
            "distillation.reduction=0",
            "reduction: must be auto, or a whole number from 1 to 10000. "
            "Received: reduction=0. Write, for example, reduction: 8.",
        ),
        ("distillation.reduction=atuo", "must be auto, or a whole number"),
        ("distillation.reduction=2.0", "must be auto, or a whole number"),
        ("distillation.reduction=true", "must be auto, or a whole number"),
        ("distillation.projector_parameters=0", "must be greater than 0."),
        (
            "distillation.projector_parameters=auto",
            "Write, for example, projector_parameters: 100000.",
        ),
        ("distillation.l2sp_weight=.inf", "must be a finite number."),
        ("distillation.training=null", "Known keys: epochs, optimizer,"),
        (
            "distillation.training.jit_compile=on!",
            "Use 'auto', True or False.",
        ),
        (
            "distillation.training.optimizer={name: adam, momentum: 0.9}",
            "momentum: is only for name: sgd, not for name: adam.",
        ),
        (
            "distillation.training.optimizer={clipnorm: 2, global_clipnorm: 1}",
            "global_clipnorm: must be null beside a clipnorm, which is 2. ",
        ),
        (
            "distillation.training.schedule={name: cosine, factor: 0.1}",
            "factor: is only for name: step, not for name: cosine.",
        ),
        (
            "distillation.training.schedule.milestones=[5, 5]",
            "strictly increasing order. Received: milestones=[5, 5].",
        ),
        (
            "distillation.training.class_weight=balancd",
            "training.class_weight: must be balanced, or give classes",
        ),
        (
            "distillation.training.class_weight={a: -1}",
            "Received: class_weight={'a': -1}. Write, for example, class_w",
        ),
        ("teacher.trainable=stage3", "teacher.trainable: must be a list."),
        ("methods.kdd={}", "Did you mean `kd`?"),
        ("methods.kd.temperature=0", "must be at least 0.01."),
        ("data.flip.x=1", "data.flip: must be true or false."),
        ("teacher.0.network=a", "teacher.0: unknown key."),
        ("seed.x=1", "there is no 'x' inside it. Received: 'seed.x=1'."),
        ("seed", "an override must be key=value"),
        ("seed=[1,", "seed: the value is not YAML."),
    ],
)
def test_wrong_value_gets_rule_received_and_way_out(
    write: Write, override: str, expected: str
) -> None:
    text = "seed: 0\n" + SMALLEST
    message = _message(write(text), override)
    assert expected in message
    assert "Received: " in message


def test_override_outside_a_list_names_its_places(write: Write) -> None:
    path = write(SMALLEST)
    two = "teacher=[{network: a, weights: w}, {network: b, weights: w}]"
    message = _message(path, two, "teacher.2.network=c")
    assert "from teacher.0 to teacher.1" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "holds an empty file"),
        ("- a\n- b\n", "which holds list"),
        ("a: [1", "must be YAML"),
        ("seed: 1\nseed: 2\n", "'seed' twice"),
        ("a: &x [*x]\n", "an anchor contains itself"),
        ("a: !!python/object:os.system {}\n", "must be YAML"),
    ],
)
def test_file_that_is_no_mapping_in_yaml_is_one_clear_error(
    write: Write, text: str, expected: str
) -> None:
    message = _message(write(text))
    assert expected in message
    assert "Received: " in message


def test_missing_file_directory_and_binary_are_clear_errors(
    tmp_path: Path,
) -> None:
    assert "must exist" in _message(tmp_path / "none.yaml")
    assert "not a directory" in _message(tmp_path)
    binary = tmp_path / "model.keras"
    binary.write_bytes(b"PK\x03\x04\xff\xfe")
    assert "must be YAML" in _message(binary)
