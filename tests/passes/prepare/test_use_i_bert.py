"""A network that was trained with other functions computes those in integers."""

from pathlib import Path

from support.trained_functions import check


def test_integers_follow_the_functions(tmp_path: Path) -> None:
    check("i-bert", tmp_path / "m.dyq")
