"""What should come out: medians of pairs, and what percentiles have to be by definition. No I/O."""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """Ours / theirs, of measurements taken in turns."""

    median: float
    low: float
    high: float
    ours: float
    theirs: float


def paired(ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> Ratio:
    """What else the machine does hits both of a pair alike; the order alternates, as the second may find warmer caches."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            second = theirs()
            pairs.append((ours(), second))
        else:
            first = ours()
            pairs.append((first, theirs()))
    ratios = [a / b for a, b in pairs]
    medians = (statistics.median(side) for side in zip(*pairs))
    return Ratio(statistics.median(ratios), min(ratios), max(ratios), *medians)


@dataclass(frozen=True)
class Quantile:
    percent: float
    expected_ms: float
    # Of what chance alone does to this percentile of so many samples.
    standard_error_ms: float


def exponential(mean_ms: float, percent: float, samples: int) -> Quantile:
    """Of an exponential distribution; the error is sqrt(p (1-p) / n) / density (Stuart & Ord, 10.10)."""
    share = percent / 100
    error_ms = mean_ms * math.sqrt(share / ((1 - share) * samples))
    return Quantile(percent, -mean_ms * math.log1p(-share), error_ms)


def mixture(parts: dict[float, float], percent: float) -> Quantile:
    """Of constants, each with the percentage up to which it reaches; chance moves no percentile but the one at a border."""
    expected_ms = next(ms for up_to, ms in sorted(parts.items()) if percent <= up_to)
    return Quantile(percent, expected_ms, 0)


def stalled_ms(percent: float, usual_ms: float, stall_ms: float, window_ms: float) -> float:
    """Of requests due at equal distances while a server stalls once: `(stall - wait) / window` of them wait longer."""
    return max(usual_ms, stall_ms - (1 - percent / 100) * window_ms)
