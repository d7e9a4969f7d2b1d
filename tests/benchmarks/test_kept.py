"""What tests make is where the next session looks for it."""

from pathlib import Path

import pytest

from benchmarks.gpu.kept import kept


def test_what_tests_make_is_kept_for_the_next_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DYADIC_TEST_CACHE", raising=False)
    monkeypatch.setenv("DYADIC_CACHE", str(tmp_path))
    assert kept() == tmp_path / "tests"
    monkeypatch.setenv("DYADIC_CACHE", "off")
    assert kept().name == "tests"
    monkeypatch.setenv("DYADIC_TEST_CACHE", "/there")
    assert kept() == Path("/there")
