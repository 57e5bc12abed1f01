"""How sure a figure is: the 95 % percentile bootstrap over images."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
CONFIDENCE = 0.95
_SEED = 20_241_200


@lru_cache(maxsize=4)
def resample_weights(images: int) -> NDArray[np.float64]:
    """How often each image occurs in each resample: float64 ``[1000, images]``, not writable.

    The same for every figure over the same number of images, so that figures may be compared
    resample by resample.
    """
    rng = np.random.default_rng(_SEED)
    shares = np.full(images, 1 / max(1, images))
    weights = rng.multinomial(images, shares, RESAMPLES).astype(np.float64)
    weights.setflags(write=False)
    return weights


def percentile_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 % of a figure's values over the resamples.

    Resamples that hold nothing to count are NaN and left out; NaN twice if all are.
    """
    usable = values[np.isfinite(values)]
    if not usable.size:
        return float('nan'), float('nan')
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(usable, (tail, 100 - tail))
    return float(low), float(high)
