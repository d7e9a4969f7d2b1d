"""What is measured of a finished artifact, for the records of `report_schema.py`: `measurements.py` first.

account.py    what is known without measuring           variants.py          float, int8 and what ships, side by side
layers.py     the rows of the layer table               evidence.py          whether what a search predicted is true
notes.py      what a user should know                   layer_comparison.py  `dyadic compare`, layer by layer
"""
