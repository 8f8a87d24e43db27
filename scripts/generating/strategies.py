"""Which of the drawn sketches the generator completes: --sketch_strategy. Standard library only, the shells read it too."""

from collections import Counter

STRATEGIES = {
    "popular": "the most frequent one, as in the paper",
    "each": "each sample has its own",
    "greedy": "one, drawn at temperature 0",
    "top-1, top-2, ...": "the M most frequent ones in proportion, where an answer is kept for its share alone",
}
PATTERN = "|".join([*(name for name in STRATEGIES if name.isalpha()), r"top-[1-9]\d{0,3}"])
HELP = "sketches for the generator; " + "; ".join(f"{name}: {text}" for name, text in STRATEGIES.items())
ONE_SKETCH = ("each", "greedy")  # take one sketch for each sample, and no more to choose from


def choose_sketches(sketches: list[str], strategy: str, count: int) -> list[str]:
    """The sketch for each of `count` samples; ties: the sketch that was drawn first.

    >>> choose_sketches(["", "f(number)", "g(string)", "g(string)"], "popular", 2)
    ['g(string)', 'g(string)']
    >>> choose_sketches(["a", "b", "a", "c", "a", "b"], "top-2", 6)
    ['a', 'a', 'a', 'a', 'b', 'b']
    """
    if strategy == "each":
        return sketches
    top = Counter(sketches).most_common(1 if strategy == "popular" else int(strategy.removeprefix("top-")))
    total = sum(votes for _, votes in top)
    # Largest remainder: whole numbers of samples that add up, as close to the proportions as possible.
    shares = [count * votes / total for _, votes in top]
    wholes = [int(share) for share in shares]
    by_remainder = sorted(range(len(top)), key=lambda k: wholes[k] - shares[k])
    for k in by_remainder[: count - sum(wholes)]:
        wholes[k] += 1
    return [sketch for (sketch, _), whole in zip(top, wholes, strict=True) for _ in range(whole)]
