"""The machine that will run the artifact, where it is not this one: `--measure-on` (`agent.py`)."""
