"""Ranges as a config words them: [smallest, largest]."""

from atsc_keras.config.strict_model import mistake


def check_shares(
    value: tuple[float, ...], *, smallest_may_be_zero: bool = False
) -> tuple[float, ...]:
    """Check a range of shares.

    Args:
        value: what the config gives.
        smallest_may_be_zero: whether 0 is a share.

    Returns:
        The same.

    Raises:
        PydanticCustomError: if it is not two shares in increasing order.
    """
    lowest = "0 <=" if smallest_may_be_zero else "0 <"
    if (
        len(value) != 2
        or value[0] < 0
        or (value[0] == 0 and not smallest_may_be_zero)
        or not value[0] <= value[1] <= 1
        or value[1] == 0
    ):
        raise mistake(
            "must be a smallest and a largest share with "
            f"{lowest} smallest <= largest <= 1",
            "Write, for example, [0.08, 1.0].",
        )
    return value
