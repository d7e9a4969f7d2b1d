"""MLIR Quantization dialect"""

from collections.abc import Sequence
from typing import Final

import torch_mlir.ir

import torch_mlir.ir


class QuantizedType(torch_mlir.ir.Type):
    def __init__(self, cast_from_type: torch_mlir.ir.Type) -> None: ...

    static_typeid: Final[torch_mlir.ir.TypeID] = ...
    """(arg: object, /) -> torch_mlir.ir.TypeID"""

    @property
    def typeid(self) -> torch_mlir.ir.TypeID: ...

    def __repr__(self) -> str: ...

    @staticmethod
    def default_minimum_for_integer(is_signed: bool, integral_width: int) -> int:
        """
        Default minimum value for the integer with the specified signedness and bit width.
        """

    @staticmethod
    def default_maximum_for_integer(is_signed: bool, integral_width: int) -> int:
        """
        Default maximum value for the integer with the specified signedness and bit width.
        """

    @property
    def expressed_type(self) -> torch_mlir.ir.Type:
        """Type expressed by this quantized type."""

    @property
    def flags(self) -> int:
        """
        Flags of this quantized type (named accessors should be preferred to this)
        """

    @property
    def is_signed(self) -> bool:
        """Signedness of this quantized type."""

    @property
    def storage_type(self) -> torch_mlir.ir.Type:
        """Storage type backing this quantized type."""

    @property
    def storage_type_min(self) -> int:
        """The minimum value held by the storage type of this quantized type."""

    @property
    def storage_type_max(self) -> int:
        """The maximum value held by the storage type of this quantized type."""

    @property
    def storage_type_integral_width(self) -> int:
        """The bitwidth of the storage type of this quantized type."""

    def is_compatible_expressed_type(self, candidate: torch_mlir.ir.Type) -> bool:
        """
        Checks whether the candidate type can be expressed by this quantized type.
        """

    @property
    def quantized_element_type(self) -> torch_mlir.ir.Type:
        """Element type of this quantized type expressed as quantized type."""

    def cast_from_storage_type(self, candidate: torch_mlir.ir.Type) -> QuantizedType:
        """
        Casts from a type based on the storage type of this quantized type to a corresponding type based on the quantized type. Raises TypeError if the cast is not valid.
        """

    @staticmethod
    def cast_to_storage_type(type: torch_mlir.ir.Type) -> torch_mlir.ir.Type:
        """
        Casts from a type based on a quantized type to a corresponding type based on the storage type of this quantized type. Raises TypeError if the cast is not valid.
        """

    def cast_from_expressed_type(self, candidate: torch_mlir.ir.Type) -> torch_mlir.ir.Type:
        """
        Casts from a type based on the expressed type of this quantized type to a corresponding type based on the quantized type. Raises TypeError if the cast is not valid.
        """

    @staticmethod
    def cast_to_expressed_type(type: torch_mlir.ir.Type) -> torch_mlir.ir.Type:
        """
        Casts from a type based on a quantized type to a corresponding type based on the expressed type of this quantized type. Raises TypeError if the cast is not valid.
        """

    def cast_expressed_to_storage_type(self, candidate: torch_mlir.ir.Type) -> torch_mlir.ir.Type:
        """
        Casts from a type based on the expressed type of this quantized type to a corresponding type based on the storage type. Raises TypeError if the cast is not valid.
        """

    FLAG_SIGNED: int = 1

class AnyQuantizedType(QuantizedType):
    def __init__(self, cast_from_type: torch_mlir.ir.Type) -> None: ...

    @property
    def typeid(self) -> torch_mlir.ir.TypeID: ...

    def __repr__(self) -> str: ...

    type_name: Final[str] = ...
    """(arg: object, /) -> str"""

    @staticmethod
    def get(flags: int, storage_type: torch_mlir.ir.Type, expressed_type: torch_mlir.ir.Type, storage_type_min: int, storage_type_max: int, context: torch_mlir.ir.Context | None = None) -> AnyQuantizedType:
        """
        Gets an instance of AnyQuantizedType in the same context as the provided storage type.
        """

class UniformQuantizedType(QuantizedType):
    def __init__(self, cast_from_type: torch_mlir.ir.Type) -> None: ...

    @property
    def typeid(self) -> torch_mlir.ir.TypeID: ...

    def __repr__(self) -> str: ...

    type_name: Final[str] = ...
    """(arg: object, /) -> str"""

    @staticmethod
    def get(flags: int, storage_type: torch_mlir.ir.Type, expressed_type: torch_mlir.ir.Type, scale: float, zero_point: int, storage_type_min: int, storage_type_max: int, context: torch_mlir.ir.Context | None = None) -> UniformQuantizedType:
        """
        Gets an instance of UniformQuantizedType in the same context as the provided storage type.
        """

    @property
    def scale(self) -> float:
        """
        The scale designates the difference between the real values corresponding to consecutive quantized values differing by 1.
        """

    @property
    def zero_point(self) -> int:
        """
        The storage value corresponding to the real value 0 in the affine equation.
        """

    @property
    def is_fixed_point(self) -> bool:
        """Fixed point values are real numbers divided by a scale."""

class UniformQuantizedPerAxisType(QuantizedType):
    def __init__(self, cast_from_type: torch_mlir.ir.Type) -> None: ...

    @property
    def typeid(self) -> torch_mlir.ir.TypeID: ...

    def __repr__(self) -> str: ...

    type_name: Final[str] = ...
    """(arg: object, /) -> str"""

    @staticmethod
    def get(flags: int, storage_type: torch_mlir.ir.Type, expressed_type: torch_mlir.ir.Type, scales: Sequence[float], zero_points: Sequence[int], quantized_dimension: int, storage_type_min: int, storage_type_max: int, context: torch_mlir.ir.Context | None = None) -> UniformQuantizedPerAxisType:
        """
        Gets an instance of UniformQuantizedPerAxisType in the same context as the provided storage type.
        """

    @property
    def scales(self) -> list[float]:
        """
        The scales designate the difference between the real values corresponding to consecutive quantized values differing by 1. The ith scale corresponds to the ith slice in the quantized_dimension.
        """

    @property
    def zero_points(self) -> list[int]:
        """
        the storage values corresponding to the real value 0 in the affine equation. The ith zero point corresponds to the ith slice in the quantized_dimension.
        """

    @property
    def quantized_dimension(self) -> int:
        """
        Specifies the dimension of the shape that the scales and zero points correspond to.
        """

    @property
    def is_fixed_point(self) -> bool:
        """Fixed point values are real numbers divided by a scale."""

class UniformQuantizedSubChannelType(QuantizedType):
    def __init__(self, cast_from_type: torch_mlir.ir.Type) -> None: ...

    @property
    def typeid(self) -> torch_mlir.ir.TypeID: ...

    def __repr__(self) -> str: ...

    type_name: Final[str] = ...
    """(arg: object, /) -> str"""

    @staticmethod
    def get(flags: int, storage_type: torch_mlir.ir.Type, expressed_type: torch_mlir.ir.Type, scales: torch_mlir.ir.Attribute, zero_points: torch_mlir.ir.Attribute, quantized_dimensions: Sequence[int], block_sizes: Sequence[int], storage_type_min: int, storage_type_max: int, context: torch_mlir.ir.Context | None = None) -> UniformQuantizedSubChannelType:
        """
        Gets an instance of UniformQuantizedSubChannel in the same context as the provided storage type.
        """

    @property
    def quantized_dimensions(self) -> list[int]:
        """
        Gets the quantized dimensions. Each element in the returned list represents an axis of the quantized data tensor that has a specified block size. The order of elements corresponds to the order of block sizes returned by 'block_sizes' method. It means that the data tensor is quantized along the i-th dimension in the returned list using the i-th block size from block_sizes method.
        """

    @property
    def block_sizes(self) -> list[int]:
        """
        Gets the block sizes for the quantized dimensions. The i-th element in the returned list corresponds to the block size for the i-th dimension in the list returned by quantized_dimensions method.
        """

    @property
    def scales(self) -> torch_mlir.ir.DenseElementsAttr:
        """The scales of the quantized type."""

    @property
    def zero_points(self) -> torch_mlir.ir.DenseElementsAttr:
        """The zero points of the quantized type."""

class CalibratedQuantizedType(QuantizedType):
    def __init__(self, cast_from_type: torch_mlir.ir.Type) -> None: ...

    @property
    def typeid(self) -> torch_mlir.ir.TypeID: ...

    def __repr__(self) -> str: ...

    type_name: Final[str] = ...
    """(arg: object, /) -> str"""

    @staticmethod
    def get(expressed_type: torch_mlir.ir.Type, min: float, max: float, context: torch_mlir.ir.Context | None = None) -> CalibratedQuantizedType:
        """
        Gets an instance of CalibratedQuantizedType in the same context as the provided expressed type.
        """

    @property
    def min(self) -> float: ...

    @property
    def max(self) -> float: ...
