"""Choose the width of every tensor, from what was asked for: `stage.py` first, then `mixed.py` for the search.

points.py       what has a width of its own            problem.py, ilp.py, ...  solvers, which know numbers only
decisions.py    widths, on the IR and by layer         bisection.py             which plan keeps a promise on accuracy
scheme.py, rules.py, plan.py   as users write them     evidence.py              whether predictions came true
"""
