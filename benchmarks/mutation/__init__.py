"""How strong the tests are: small faults are put into the code, and each should make a test fail."""
