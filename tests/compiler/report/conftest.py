import pytest

from dyadic.compiler.report import page as page_module


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without what takes the longest to make."""
    monkeypatch.setattr(page_module, "plots_of", lambda facts: {})
    monkeypatch.setattr(page_module, "layer_plots", lambda facts: [])
