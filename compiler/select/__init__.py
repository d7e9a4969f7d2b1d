"""Choose the width of every tensor, from what was asked for: `stage.py` first, then `search.py`.

costs.py      what every candidate costs and loses      task.py      all that is known before a search begins
model.py      a network as a problem of numbers         trials.py    what only compiled plans tell
search.py     solve, compile, believe, go on            wording.py   what it says to people
"""
