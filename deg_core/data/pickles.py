"""What must be known of a pickle before it is read, even by a reader that imports nothing."""

import pickle
import pickletools
from typing import IO

_PLACES = ("PUT", "BINPUT", "LONG_BINPUT")


def check_places(file: IO[bytes], *, size: int) -> None:
    """Go through a pickle without reading it in, and refuse one that would fill the memory.

    Python's reader keeps a table of what was seen, as long as the largest number that the file
    gives to a place in it: a dozen bytes can ask for 32 GB.

    Parameters
    ----------
    file
        Where the pickle begins; is left where it was.
    size
        Bytes of the file: no pickle has more places than bytes.

    Raises
    ------
    pickle.UnpicklingError
        If a place is beyond that, or the pickle has no end.
    """
    start = file.tell()
    try:
        for kind, argument, _ in pickletools.genops(file):
            if kind.name in _PLACES and not 0 <= argument < size:
                raise pickle.UnpicklingError(f"place {argument} in a pickle of {size} bytes")
    except (ValueError, OverflowError) as error:
        raise pickle.UnpicklingError(str(error)) from error
    finally:
        file.seek(start)
