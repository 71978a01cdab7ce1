"""Holding a file against everybody else, in this process and in others, until it is closed."""

import sys
from typing import BinaryIO

__all__ = ["hold"]

if sys.platform == "win32":
    import msvcrt

    def hold(file: BinaryIO) -> None:
        """
        Lock *file* until it is closed.

        Raises:
            BlockingIOError: Somebody else holds it.
        """
        file.seek(2**62)  # a byte that no content reaches: the lock must not stop readers
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from None

else:
    import fcntl

    def hold(file: BinaryIO) -> None:
        """
        Lock *file* until it is closed.

        The lock belongs to this opening of the file, so a second one in the same process is
        refused as well.

        Raises:
            BlockingIOError: Somebody else holds it.
            OSError: The file system has no locks.
        """
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
