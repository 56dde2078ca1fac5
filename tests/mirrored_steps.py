"""Steps on so many logical CPUs; run by a test in processes of their own:
`python -m tests.mirrored_steps FOLDER REPLICAS...`."""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tests.tiny import batch, sgd, tiny_atsc


def main(folder: str, *counts: str) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * max(map(int, counts))
    )
    for replicas in map(int, counts):
        keras.utils.set_random_seed(0)
        train(replicas, Path(folder) / f"{replicas}.npz")


def train(replicas: int, path: Path) -> None:
    """Take the steps and keep their logs and what they lead to."""
    devices = [f"CPU:{index}" for index in range(replicas)]
    strategy = tf.distribute.MirroredStrategy(devices)
    with strategy.scope():
        # By the variance of features each replica has a loss of its own.
        atsc = tiny_atsc(
            feature_loss="mse", student_loss_weight=0.5, logits_loss_weight=0.1
        )
        random = np.random.default_rng(0)
        for weight in atsc.trainable_variables:
            if weight.name == "kernel":
                drawn = random.normal(size=weight.shape, scale=0.2)
                weight.assign(drawn.astype("float32"))
        # Batch statistics are each replica's own, so they stay out of this.
        for network in (
            atsc.teacher.encoder,
            atsc.student.encoder,
            atsc.student.projectors[0],
        ):
            for layer in network.layers:
                if "batch_normalization" in layer.name or "bn" in layer.name:
                    layer.trainable = False
        atsc.reset_starting_point()
        atsc.starting_point[0].assign(atsc.starting_point[0] + 0.1)
        atsc.compile(optimizer=sgd(0.01), metrics=["accuracy"])
    images, labels = batch(31)  # the last batch has 7
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(8)
    history = atsc.fit(data, epochs=2, shuffle=False, verbose=0).history
    logs = np.array([history[name] for name in sorted(history)])
    weights = {f"w{i}": w for i, w in enumerate(atsc.get_weights())}
    count = strategy.num_replicas_in_sync
    np.savez(path, replicas=count, logs=logs, names=sorted(history), **weights)


if __name__ == "__main__":
    main(*sys.argv[1:])
