"""Files of users are read whole, and nothing that never ends is."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from dyadic.compiler.cli.main import main
from dyadic.runtime.whole_file import whole


def test_files_and_pipes_are_read_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    assert whole(tmp_path / "file", 5) == b"12345"
    for name, most, said in (("pipe", 5, b"12345"), ("pipe", 4, None), ("file", 4, None)):
        writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"12345"), daemon=True)
        if name == "pipe":
            writer.start()
        if said is None:
            with pytest.raises(OSError, match="it has more than 4 bytes"):
                whole(tmp_path / name, most)
        else:
            assert whole(tmp_path / name, most) == said
        if name == "pipe":
            writer.join(5)


@pytest.mark.parametrize(
    "words",
    [
        ("compile", "/dev/zero", "--calibration", "none", "-o", "m.dyq"),
        ("compile", "m.onnx", "--calibration", "none", "--plan", "/dev/zero", "-o", "m.dyq"),
    ],
)
def test_6_devices_never_end(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    digits = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits.onnx"
    os.symlink(digits, "m.onnx")
    assert main(words) == 6
    assert "cannot be read" in (said := capsys.readouterr().err) or "cannot read" in said
    assert "/dev/zero" in said and "it is a device, not a file" in said
