"""A warning at the start of a run whose settings differ from the paper's in a way that is easy to miss."""

PARTITIONED = (
    "the paper's BADGE on CIFAR-100 chooses from the pool in parts (Appendix A.3), this run from the whole pool: "
    "strategy=partitioned follows the paper"
)


def departure_sentence(choices: dict[str, str]) -> str | None:
    """The sentence for the chosen options of a run; None if there is nothing to say."""
    is_badge_on_cifar100 = (choices["dataset"], choices["strategy"]) == ("cifar100", "badge")
    return PARTITIONED if is_badge_on_cifar100 else None
