"""No data: a network is calibrated from what it says itself, and from images that nobody took.

`images.py` makes them, `assumed.py` says what an input is taken for, `samples.py` puts both together for a network, and
`statistics.py` widens ranges to what batch norms say. Nothing is downloaded, nothing is random: a compile again gives
the same artifact.
"""
