"""Memory that is freed goes back to the system: glibc's allocator, told so by mallopt(3).

A reading of all users takes blobs of many MB one after the other. For each large block that is freed, glibc
raises the size (to 32 MB at most) below which blocks come from heaps that it keeps, one heap a thread or
so: there the next blobs leave gaps, and the process grows with the tenant though it needs no more. A fixed
threshold ends that.
"""

import ctypes

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
"""As in glibc's malloc.h."""

_LARGE = 128 * 1024
"""glibc's own first threshold, in bytes."""

_HEAPS = 2


def give_back() -> bool:
    """Fix the threshold, once a process; says whether the allocator took it. Others than glibc's do not.

    Heaps that threads have by now stay; no more than two are made from here on.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGE) and mallopt(_M_ARENA_MAX, _HEAPS))


def trim() -> bool:
    """Give back what lies free between blocks that stay (malloc_trim(3)); says whether there was any.

    Some milliseconds: for the end of a long job, not for every message.
    """
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):
        return False
