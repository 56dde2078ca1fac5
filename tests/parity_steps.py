"""Five steps from fixed weights on fixed batches; run by a test, once for
each backend: `python -m tests.parity_steps FILE.npz`."""

import sys
from pathlib import Path

import keras
import numpy as np

from atsc_keras.distillation.coupled_sgd import CoupledSGD
from tests.tiny import batch, tiny_atsc

STEPS = 5


def main(path: Path) -> None:
    atsc = tiny_atsc(
        feature_loss="mse", student_loss_weight=0.5, logits_loss_weight=0.1
    )
    random = np.random.default_rng(0)
    for variable in atsc.variables:
        if variable.name == "kernel":
            fan_in = np.prod(variable.shape[:-1])
            drawn = random.normal(size=variable.shape) / np.sqrt(fan_in)
            variable.assign(drawn.astype("float32"))
    atsc.reset_starting_point()
    atsc.compile(
        optimizer=CoupledSGD(0.05, momentum=0.9, weight_decay=5e-4),
        teacher_optimizer=keras.optimizers.Adam(1e-3),
        metrics=["accuracy"],
    )
    logs = []
    for seed in range(STEPS):
        atsc.reset_metrics()
        step = atsc.train_on_batch(*batch(seed=seed), return_dict=True)
        logs.append([step[name] for name in sorted(step)])
    weights = {f"w{i}": w for i, w in enumerate(atsc.get_weights())}
    np.savez(path, logs=np.array(logs), **weights)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
