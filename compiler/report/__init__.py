"""What an artifact says about itself, for people: one page that works offline, a few lines in a terminal, JSON.

facts.py      everything that there is to say: the artifact alone is read
sections.py   the same as sentences and tables, in reading order
plots.py      and as plots
page.py       all of it as one HTML file
"""
