"""Files as a folder for a GPU carries them: as LZMA, which finds again what kernels and weights have in common."""

import lzma

PRESET = 6
SEEN = 64 << 20  # how far back it looks: nothing carried is longer
SUFFIX = ".xz"


def packed(content: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": PRESET, "dict_size": SEEN}]
    return lzma.compress(content, filters=filters)


def unpacked(content: bytes) -> bytes:
    """
    >>> unpacked(packed(b"again and again"))
    b'again and again'
    """
    return lzma.decompress(content)
