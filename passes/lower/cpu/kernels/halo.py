"""The ring of zero points around a tensor that a convolution reads beyond the edge."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HaloSpec:
    """Strides in bytes. The result reference is the first real pixel, the parameters are `pack_fill_params(zero_point)`."""

    rows: int  # real pixels
    columns: int
    channels: int  # bytes written of each pixel: all of its stride, or exactly the channels where it is a slice
    top: int
    left: int
    bottom: int
    right: int
    column: int  # pixel stride
    row: int
    image: int

    @property
    def units(self) -> int:
        """Tiles per image: one."""
        return 1
