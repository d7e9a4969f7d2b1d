"""Sphinx's settings for the site; `docs/site.py` gathers its pages and calls Sphinx."""

project = "dyadic"
html_title = "dyadic"
extensions = ["myst_parser"]
html_theme = "furo"
html_theme_options = {"navigation_with_keys": True}
html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]
suppress_warnings = ["misc.highlighting_failure"]  # MLIR has no lexer here
