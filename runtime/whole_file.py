"""The bytes of a file that a user names, in a size that fits: devices, which never end, are no files."""

import errno
import os
import stat
from pathlib import Path

PIECE = 1 << 20


def whole(path: Path, most: int) -> bytes:
    """Of a file or a pipe.

    Raises OSError where it cannot be read, is a device, or has more than `most` bytes.
    """
    with open(path, "rb") as file:
        status, content = os.fstat(file.fileno()), bytearray()
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            raise OSError(errno.EINVAL, "it is a device, not a file", str(path))
        if stat.S_ISREG(status.st_mode) and status.st_size <= most:
            return file.read()  # once, and in one piece of memory
        while len(content) <= most and (piece := file.read(PIECE)):
            content += piece
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return bytes(content)
