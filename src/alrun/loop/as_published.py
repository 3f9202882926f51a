"""What the paper does in another way than what is asked for, told in a line as a run begins."""

PARTITIONED = (
    "the paper's BADGE on CIFAR-100 chooses from the pool in parts (Appendix A.3), this run from the whole pool: "
    "strategy=partitioned does as the paper"
)


def departure_sentence(choices: dict[str, str]) -> str | None:
    """On the chosen options of a run, None where the paper runs the like or has nothing of the kind."""
    is_badge_on_cifar100 = (choices["dataset"], choices["strategy"]) == ("cifar100", "badge")
    return PARTITIONED if is_badge_on_cifar100 else None
