"""Generalised cross-entropy (METHOD D)."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Float = TypeVar("_Float", np.float32, np.float64)


def gce(nll: npt.NDArray[_Float], q: float) -> npt.NDArray[_Float]:
    """Return ``(1 - p**q) / q`` of each token, where ``p = exp(-nll)`` is the probability of the observed token.

    Source: Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, 2018,
    equation 6. The limit for q -> 0 is the negative log-likelihood, q = 1 gives 1 - p, and no value exceeds 1 / q.

    Args:
        nll: negative log-likelihoods in nats, of any shape; the result has its shape and precision.
        q: exponent in [0, 1]; 0 is the limit.

    Raises:
        ValueError: q is outside [0, 1].
    """
    if not 0 <= q <= 1:
        raise ValueError(f"q is {q}, outside [0, 1]")
    if q == 0:
        return nll
    # expm1 keeps all digits where p is close to 1, and where q is close to 0
    loss = np.expm1(-q * nll)
    loss /= -q
    return loss
