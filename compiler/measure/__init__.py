"""What is measured of a finished artifact."""
