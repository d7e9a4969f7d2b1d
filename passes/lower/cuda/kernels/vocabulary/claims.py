"""What has to hold of a spec for there to be a kernel."""

from collections.abc import Mapping


def require(kind: str, spec: object, claims: Mapping[str, bool]) -> None:
    """Raises ValueError, with the first claim that does not hold, where there is no kernel of this kind.

    >>> require("pooling", "4 x 4", {"windows have pixels": True, "windows touch": False})
    Traceback (most recent call last):
    ValueError: no pooling kernel of this kind (windows touch): 4 x 4
    """
    for claim, holds in claims.items():
        if not holds:
            raise ValueError(f"no {kind} kernel of this kind ({claim}): {spec}")
