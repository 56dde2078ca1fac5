"""What operations a file is made of, and which should not be there."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from atsc_keras.records.exports import Operations


@dataclass(frozen=True)
class Operation:
    """One node of a graph.

    Attributes:
        kind: name of the operation.
        custom: whether only some runtimes know it.
        inputs: names of the tensors that it reads.
        outputs: names of the tensors that it writes.
    """

    kind: str
    custom: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class OperationNames:
    """How a format calls what should not be left in a file.

    Attributes:
        transpose: the transposition.
        convolutions: and matrix products, which a factor can be a part of.
        scalings: products that may be such factors.
        normalizations: that always are; default: none.
    """

    transpose: str
    convolutions: frozenset[str]
    scalings: frozenset[str]
    normalizations: frozenset[str] = frozenset()


def count_operations(
    found: Sequence[Operation], sizes: Mapping[str, int], names: OperationNames
) -> Operations:
    """Count what a graph is made of.

    Args:
        found: its operations.
        sizes: numbers in each of its constants.
        names: of the format.

    Returns:
        What it found. Flex operations are custom ones; a batch normalisation
        is unfolded where it follows a convolution of whose weights it could
        be a part.
    """
    kinds = Counter(operation.kind for operation in found)
    return Operations(
        count=len(found),
        custom=tuple(sorted({x.kind for x in found if x.custom})),
        transposes=kinds[names.transpose],
        unfolded_batch_norms=sum(_unfolded(found, sizes, names)),
    )


def _unfolded(
    found: Sequence[Operation], sizes: Mapping[str, int], names: OperationNames
) -> Iterator[bool]:
    """Whether each operation scales the channels of a convolution alone."""
    producers = {name: op for op in found for name in op.outputs}
    readers = Counter(name for op in found for name in op.inputs)
    for operation in found:
        scaled = operation.kind in names.normalizations or (
            operation.kind in names.scalings
            # By a constant of each channel; a number alone is an activation's.
            and any(sizes.get(name, 1) > 1 for name in operation.inputs)
        )
        yield scaled and any(
            name in producers
            and producers[name].kind in names.convolutions
            and readers[name] == 1
            for name in operation.inputs
        )
