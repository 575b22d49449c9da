"""Errors of the operating system, told in one line with their reason and a remedy; and which of them do not matter."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

_ACCESS = "give this user access to it and to its folder, with chmod or chown"
_SPACE = "free some space, or choose another place"
_REMEDIES = {
    errno.EACCES: _ACCESS,
    errno.EPERM: _ACCESS,
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EROFS: "choose another place",
    errno.EIO: "the disk or its connection has failed; try again, or choose another place",
    errno.ESTALE: "the network drive has changed; mount it again",
    errno.EEXIST: "a file, or a link that leads nowhere, is in its place",
    errno.ENXIO: "it is a socket, or a device that is not there",
    errno.ENOTDIR: "a part of its path is a file",
    errno.ELOOP: "the link leads to itself",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EXDEV: "it is a mount point or belongs to the image of a container; choose a new place",
    errno.EFBIG: "raise the limit with ulimit -f, or choose another file system",
    errno.EMFILE: "raise the limit with ulimit -n",
    errno.ENFILE: "end other programs",
    errno.ENOMEM: "end other programs, or use a machine with more memory",
    errno.EAGAIN: "too many processes or threads run; end some, or raise the limit with ulimit -u",
}

UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES})
"""What file systems and containers answer to an operation that they do not have."""

_BATCHES = "use smaller batches (--batch-tokens of nmt train, else --batch-size)"
_SHORTAGES = {
    "can't start new thread": "threads",
    "Resource temporarily unavailable": "threads",  # SentencePiece, Arrow
    "CUDA out of memory": "gpu memory",
    "CUDA error: out of memory": "gpu memory",
    "CUBLAS_STATUS_ALLOC_FAILED": "gpu memory",
    "can't allocate memory": "memory",  # torch on a CPU
    "std::bad_alloc": "memory",
    "CUDA error: all CUDA-capable devices are busy": "gpu",
    "CUDA error: no kernel image": "gpu",
    "CUDA error: uncorrectable ECC": "gpu",
    "CUDA error: CUDA driver version": "gpu",
    "CUDA error: unknown error": "gpu",
}
"""What the messages of errors contain by which torch and other libraries tell that a resource is missing."""


def reason(error: OSError) -> str:
    """What has failed, such as "Permission denied", without number and file name."""
    text = error.strerror or str(error)
    if error.errno and "[errno" in text.lower():  # PyArrow's, which repeat the file name
        return os.strerror(error.errno)
    return text


def explain(error: OSError, remedy: str = "") -> str:
    """The reason, and the remedy that fits it; the given one if none is known for this reason."""
    remedy = _REMEDIES.get(error.errno or 0, remedy)
    return f"{reason(error)}; {remedy}" if remedy else reason(error)


@contextmanager
def best_effort() -> Iterator[None]:
    """Go on after the block if the system does not support, or not allow, what it does. Other errors are raised."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise


def explain_shortage(error: BaseException) -> str | None:
    """The reason and the remedy if memory or threads were refused, or a GPU cannot be used; None for another error."""
    text = str(error)
    found = next((kind for sign, kind in _SHORTAGES.items() if sign in text), None)
    detail = f" ({text.splitlines()[0]})" if text else ""
    if found == "threads":
        return "the system refuses new threads; end other programs, raise the limit with ulimit -u, or use --threads 1"
    if found == "gpu memory":
        return f"the GPU has not enough memory{detail}; {_BATCHES}, or --device cpu"
    if found == "gpu":
        return f"the GPU cannot be used{detail}; end what uses it, or use --device cpu"
    if found == "memory" or isinstance(error, MemoryError):
        return f"not enough memory{detail}; {_BATCHES}, or a machine with more memory"
    return None
