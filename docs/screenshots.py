"""Pictures of a report for these pages, as a browser shows it: on a desk, on a telephone, in the dark.

python docs/screenshots.py ARTIFACT.dyq

Needs PyQt6-WebEngine, which is Chromium without its window, and Pillow; neither is among the project's own packages
(`pip install PyQt6-WebEngine`, in an environment of its own if you like: it only reads the page that `dyadic report`
writes). No test runs this.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
COLOURS = 256  # of a picture: a page has few, and a file of them is small
# name -> width, height, where the page is scrolled to (an element's id, or nothing), whether in the dark
PICTURES = {
    "report-first-screen": (1280, 480, "", False),
    "report-layers": (1280, 760, "layers", False),
    "report-telephone": (390, 780, "", True),
}


def main() -> None:
    if len(sys.argv) == 5 and sys.argv[1] == "--one":
        take(*sys.argv[2:])
        return
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/screenshots.py ARTIFACT.dyq")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        subprocess.run(["dyadic", "report", sys.argv[1], "--html", str(page)], check=True)
        for name, (*_, dark) in PICTURES.items():
            # the browser reads once, as it starts, whether it is dark
            scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
            settings = {"QTWEBENGINE_CHROMIUM_FLAGS": f"--no-sandbox --disable-gpu {scheme}"}
            settings |= {
                "QT_QPA_PLATFORM": "offscreen",
                "QTWEBENGINE_DISABLE_SANDBOX": "1",
                "QT_LOGGING_RULES": "*=false",
            }
            words = [sys.executable, __file__, "--one", name, str(page), str(HERE / f"{name}.png")]
            subprocess.run(words, check=True, env=os.environ | settings, stderr=subprocess.DEVNULL)


def take(name: str, page: str, picture: str) -> None:
    """Load the page, scroll, wait until it is drawn, and write what is seen."""
    from PIL import Image
    from PyQt6.QtCore import QTimer, QUrl
    from PyQt6.QtWebEngineCore import QWebEngineSettings
    from PyQt6.QtWebEngineWidgets import QWebEngineView
    from PyQt6.QtWidgets import QApplication

    width, height, section, _ = PICTURES[name]
    application, view = QApplication(sys.argv[:1]), QWebEngineView()
    view.settings().setAttribute(QWebEngineSettings.WebAttribute.ShowScrollBars, False)
    view.resize(width, height)
    view.show()

    def write() -> None:
        view.grab().save(picture)
        Image.open(picture).convert("RGB").quantize(COLOURS).save(picture, optimize=True)
        print(f"{picture}: {os.path.getsize(picture):,} bytes")
        application.quit()

    def loaded(_: bool) -> None:
        view.page().runJavaScript(f"location.hash = '{section}'" if section else "0")
        QTimer.singleShot(2000, write)

    view.loadFinished.connect(loaded)
    view.load(QUrl.fromLocalFile(page))
    application.exec()


main()
