"""``runtime.memory_gb``: whether a strategy holds the outputs of the whole pool, or reads them part by part."""

from alrun.models.outputs import Needs
from alrun.strategies.base import Strategy, strategies_within
from alrun.system.errors import SettingError

GB = 10**9
PROGRAM = 0.7 * GB  # of Python, torch and other libraries
EXAMPLE = 120  # bytes of an example's labels, indices, distances and places in an order, whatever a strategy does
COPIES = 3  # of the outputs that a strategy holds: it computes with them
PART = 2**26  # bytes of outputs in a part without a limit
SHARE = 1 / 24  # of the memory that is left, for the outputs in a part: with what comes before them, about a fifth


def part_of_pool(
    strategy: Strategy,
    name: str,
    count: int,
    size: int,
    classes: int,
    width: int,
    chunk: int,
    memory_gb: float | None,
    other: float = 0,
) -> int | None:
    """Examples whose outputs are in memory together when ``strategy`` chooses; None: all of them.

    What it chooses is the same, apart from round-off. Parts consist of whole chunks, so that scores are the same bit by
    bit.

    Args:
        strategy: Chooses ``size`` of ``count`` unlabeled examples.
        name: Its option.
        count: Unlabeled examples.
        size: Examples in a query.
        classes: Outputs of the model.
        width: Numbers in an embedding.
        chunk: Examples in a forward pass.
        memory_gb: Memory that the process may take; None: any.
        other: Bytes that the data set takes in memory.

    Raises:
        UserError: The strategy cannot keep within ``memory_gb``.
    """
    each, held, kept = bytes_of(strategy.needs, classes, width), strategy.held(count, size), strategy.kept()
    # Where nothing is held: without any bytes, it reads no outputs.
    takes_one_pass = kept is not None or (not held and (strategy.each_alone or not each))
    if memory_gb is None:
        return chunks_in(PART, each, chunk) if takes_one_pass else None
    fixed = PROGRAM + EXAMPLE * count + other
    left = memory_gb * GB - fixed
    if left < PROGRAM / 10:
        raise SettingError(
            f"runtime.memory_gb={memory_gb:g}: {count} examples need {fixed / GB:.1f} GB for the program, the data and "
            f"their labels alone: raise it to {1.1 * fixed / GB + 0.1:.1f}."
        )
    if COPIES * each * count + matrices_of(strategy, count) <= left and not takes_one_pass:
        return None
    needed = COPIES * bytes_of(kept or strategy.needs, classes, width) * held + matrices_of(strategy, held)
    if needed > left:
        raise SettingError(
            f"runtime.memory_gb={memory_gb:g}: strategy={name} holds outputs of {held} examples together, which takes "
            f"about {(fixed + needed) / GB:.1f} GB: let it choose among fewer, by strategy=subsample "
            f"strategy@strategy.inner={name}, or raise runtime.memory_gb."
        )
    return chunks_in(SHARE * left, each, chunk)


def matrices_of(strategy: Strategy, held: int) -> float:
    """Bytes of matrices that a strategy, or one that it wraps, may take where it holds ``held`` examples."""
    return max((each.matrices(held) for each in strategies_within(strategy)), default=0.0)


def bytes_of(needs: Needs, classes: int, width: int) -> int:
    """Bytes of an example's outputs in float32."""
    numbers = classes * (needs.log_probs or needs.gradient) + width * (needs.embedding or needs.gradient)
    return 4 * (numbers + classes * needs.dropout_samples)


def chunks_in(memory: float, each: int, chunk: int) -> int:
    """Examples in as many whole chunks as fit into ``memory`` at ``each`` bytes, at least one chunk."""
    return chunk * max(1, int(memory // (max(1, each) * chunk)))
