"""What every augmentation is."""

from collections.abc import Callable
from typing import TypeAlias

from atsc_keras.types import Tensor

# float32 images (B, H, W, C), labels and a key -> images and labels.
Augmentation: TypeAlias = Callable[
    [Tensor, Tensor, Tensor], tuple[Tensor, Tensor]
]
