"""
One thread of BLAS, for as long as something is worked out whose last bit counts.

How a product of matrices is cut for several threads decides in which order its sums are made, and
so its last bits; and how many threads there are differs between machines. One thread is also what
is fastest where tiles already keep every processor busy.

Some libraries keep the number for the process, others for each thread, so who starts threads limits
them (`keep_one_blas_thread`) beside itself (`one_blas_thread`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

__all__ = ["blas_threads", "keep_one_blas_thread", "one_blas_thread"]

_API: Final = "blas"
_LIMITED: Final = threading.local()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let products of matrices have one thread inside the block; then as many as before."""
    with threadpool_limits(limits=1, user_api=_API):
        yield


def keep_one_blas_thread() -> None:
    """Let products of matrices in the calling thread have one thread from now on."""
    if not hasattr(_LIMITED, "limits"):
        _LIMITED.limits = threadpool_limits(limits=1, user_api=_API)


def blas_threads() -> list[int]:
    """Return how many threads each BLAS of this process has for the calling thread."""
    np.zeros(1)  # numpy brings one
    return [int(each["num_threads"]) for each in threadpool_info() if each["user_api"] == _API]
