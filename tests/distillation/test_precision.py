"""Precision is kept, and weights and normalisation are known by their role."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from atsc_keras.distillation.atsc import ATSC
from atsc_keras.distillation.losses import FeatureAlignment, l2sp, tempered_kl
from atsc_keras.distillation.starting_point import held_weights
from atsc_keras.errors import InputError
from tests.distillation.conftest import each_trainer
from tests.tiny import SHAPE, batch, sgd, tiny_atsc, tiny_encoder, tiny_teacher

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"  # knows replicas
# On torch `keras.ops.divide_no_nan`, which Keras's losses use, gives float32.
KERASS = (
    {"teacher_loss", "student_loss"}
    if keras.backend.backend() == "torch"
    else set()
)


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="has no float64 unless set up"
)
@each_trainer
def test_float64_is_not_cut_down(trainer: type) -> None:
    keras.config.set_dtype_policy("float64")
    try:
        made = trainer(tiny_teacher(), tiny_teacher(4))
        made.compile(optimizer=sgd())
        images, labels = batch()
        logs, logits = made.objective(
            ops.convert_to_tensor(images.astype("float64")), labels, None
        )
        types = {
            name: keras.backend.standardize_dtype(value.dtype)
            for name, value in {**logs, "logits": logits}.items()
            if name not in ({"teacher_accuracy", "transfer_loss"} | KERASS)
        }
        assert set(types.values()) == {"float64"}, types
        start = getattr(made, "starting_point", [])
        assert {v.dtype for v in start} <= {"float64"}
        assert {mean.dtype for mean in made.means.values()} == {"float64"}
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="has no float64 unless set up"
)
def test_losses_of_float64_see_what_float32_cannot() -> None:
    start = keras.Variable(np.ones(3), dtype="float64")
    weight = keras.Variable(np.ones(3) + 1e-9, dtype="float64")
    distance = float(ops.convert_to_numpy(l2sp([weight], [start])))
    assert distance == pytest.approx(3e-18, rel=1e-6)
    other, own = (
        ops.convert_to_tensor(np.array([[1.0, 2.0]]) + shift, "float64")
        for shift in (0.0, np.array([[1e-6, 0.0]]))
    )
    alignment = FeatureAlignment().compute_loss(other, own)
    assert float(alignment) == pytest.approx(0.5e-12, rel=1e-6)
    # Second order: p (1 - p) d^2 / 2, p the softmax's first share.
    share = 1 / (1 + np.e)
    expected = share * (1 - share) * 1e-12 / 2
    divergence = float(ops.convert_to_numpy(tempered_kl(other, own, 1.0))[0])
    assert divergence == pytest.approx(expected, rel=1e-3)


def test_kernels_are_known_by_their_role() -> None:
    images = keras.Input(SHAPE)
    x = layers.SeparableConv2D(4, 3, name="separable")(images)
    x = layers.PReLU(name="slopes")(x)  # an axis of rank 3
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.Reshape((16, 4))(x)
    x = layers.DepthwiseConv1D(3, name="thin")(x)
    x = layers.MultiHeadAttention(1, 4, name="attention")(x, x)
    x = layers.LayerNormalization(name="norm")(x)
    model = keras.Model(images, x)
    held, _ = held_weights(model.weights, model.weights, "kernels")
    assert [w.path.split("/")[-2:] for w in held] == [
        *(["separable", "depthwise_kernel"], ["separable", "pointwise_kernel"]),
        *(["depthwise", "kernel"], ["thin", "kernel"]),
        *(["query", "kernel"], ["key", "kernel"], ["value", "kernel"]),
        ["attention_output", "kernel"],
    ]


def test_projector_normalises_as_its_student_is_told_to() -> None:
    def norms(model: keras.Model) -> set[tuple[float, bool]]:
        return {
            (layer.momentum, layer.synchronized)
            for layer in model.layers
            if isinstance(layer, layers.BatchNormalization)
        }

    plain = tiny_atsc()
    assert norms(plain.student.projectors[0]) == {(0.9, False)}
    encoder = tiny_encoder(4)
    encoder.layers[3].synchronized = synchronized = ON_TENSORFLOW
    told = ATSC(tiny_teacher(), encoder, batch_norm_momentum=0.7)
    assert norms(told.student.projectors[0]) == {(0.7, synchronized)}
    again = ATSC.from_config(told.get_config())
    assert norms(again.student.projectors[0]) == {(0.7, synchronized)}


@pytest.mark.parametrize("momentum", [1.0, -0.1, float("nan"), True, "0.9"])
def test_momentum_of_the_projectors_is_checked(momentum: Any) -> None:
    with pytest.raises(InputError, match="from 0 to under 1"):
        tiny_atsc(batch_norm_momentum=momentum)


def test_momentum_may_be_a_number_of_numpy(tmp_path: Path) -> None:
    made = tiny_atsc(batch_norm_momentum=np.float32(0.5))
    made.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    assert loaded.student.batch_norm_momentum == 0.5
