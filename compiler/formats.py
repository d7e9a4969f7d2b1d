"""Numbers as people read them. Nothing given gives nothing: every function makes '' of None."""

from typing import Any

NUMBER = int | float


def size(count: NUMBER | None) -> str:
    """
    >>> size(640), size(12_340), size(1_234_567)
    ('640 B', '12.34 kB', '1.235 MB')
    """
    if count is None:
        return ""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{significant(count / scale, 4)} {unit}"
    return f"{count:.0f} B"


def milliseconds(ms: NUMBER | None) -> str:
    """
    >>> milliseconds(0.01709), milliseconds(12.345)
    ('0.0171 ms', '12.3 ms')
    """
    return "" if ms is None else f"{significant(ms)} ms"


def microseconds(us: NUMBER | None) -> str:
    """Without a unit, which the column names."""
    return "" if us is None else f"{us:.1f}" if us < 1000 else f"{us:,.0f}"


def seconds(s: NUMBER | None) -> str:
    """With the unit."""
    return "" if s is None else f"{s:.3f} s" if s < 10 else f"{s:,.1f} s"


def percent(share: NUMBER | None, digits: int = 2) -> str:
    """Of a share of 1."""
    return "" if share is None else f"{100 * share:.{digits}f} %"


def ratio(x: NUMBER) -> str:
    """How many times as much.

    >>> ratio(3.609), ratio(0.3799), ratio(0.00065123), ratio(65.95)
    ('3.61', '0.38', '0.00065', '65.95')
    """
    return f"{x:.2f}" if x >= 0.1 else f"{x:.2g}"


def points(share: NUMBER | None) -> str:
    """A difference of two shares.

    >>> points(-0.0018), points(0.0)
    ('-0.18', '+0.00')
    """
    return "" if share is None else f"{round(100 * share, 2) + 0.0:+.2f}"


def measure(x: NUMBER | None) -> str:
    """A value of a metric of the user's own, whatever it is in.

    >>> measure(0.9732), measure(31.2712), measure(-12345.6), measure(0.0)
    ('0.9732', '31.27', '-12346', '0')
    """
    return "" if x is None else significant(x, 4)


def measure_change(x: NUMBER | None) -> str:
    """A difference of two.

    >>> measure_change(-0.00039999), measure_change(0.0), measure_change(2.5), measure_change(-0.0)
    ('-0.0004', '+0', '+2.5', '+0')
    """
    return "" if x is None else f"{'-' if x < 0 else '+'}{significant(abs(x))}"


def decibels(db: NUMBER | None) -> str:
    """With one digit behind the point."""
    return "" if db is None else f"{db:.1f} dB"


def count(n: NUMBER | None) -> str:
    """A whole number in groups of three digits."""
    return "" if n is None else f"{n:,.0f}"


def counted(n: int, thing: str) -> str:
    """
    >>> counted(1, "layer"), counted(53, "layer")
    ('1 layer', '53 layers')
    """
    return f"{count(n)} {thing}{'' if n == 1 else 's'}"


def large(n: NUMBER | None) -> str:
    """
    >>> large(609_856), large(1.82e9), large(12)
    ('609.9 k', '1.82 G', '12')
    """
    if n is None:
        return ""
    for unit, scale in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= scale:
            return f"{significant(n / scale, 4)} {unit}"
    return f"{n:g}"


def number(x: NUMBER | None) -> str:
    """Four significant digits."""
    return "" if x is None else f"{x:.4g}"


def limit(x: NUMBER | str | None) -> str:
    """
    >>> limit(163221), limit(0.8911)
    ('163,221', '0.8911')
    """
    return f"{x:,.6g}" if isinstance(x, int | float) else text(x)


def text(value: Any) -> str:
    """As Python writes it."""
    return "" if value is None else str(value)


def shape(sizes: Any) -> str:
    """
    >>> shape([64, 56, 56]), shape("64x56")
    ('64 × 56 × 56', '64x56')
    """
    return " × ".join(str(size) for size in sizes) if isinstance(sizes, list | tuple) else text(sizes)


def significant(x: NUMBER, digits: int = 3) -> str:
    """Without an exponent, and nothing before the point is rounded away.

    >>> significant(123456), significant(0.017093), significant(1.50)
    ('123456', '0.0171', '1.5')
    """
    return f"{x:.0f}" if abs(x) >= 10**digits else f"{x:.{digits}g}"
