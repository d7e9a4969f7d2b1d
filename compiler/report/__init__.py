"""What an artifact says about itself, for people: one page that works offline, a few lines in a terminal, JSON.

facts.py      everything that there is to say: the artifact alone is read
headline.py   what was gained, on which machine
trust.py      and whether to trust it
sections.py   the rest as sentences and tables, in reading order
plots.py      and as plots, layer_plots.py those of the layers, network.py the network itself
pair.py       two artifacts side by side
page.py       all of it as one HTML file
"""
