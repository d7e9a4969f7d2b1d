"""The bottom layer: reads an artifact and runs it, with numpy alone."""
