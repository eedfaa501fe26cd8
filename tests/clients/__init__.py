"""Programs that repeat the calls of real download and load clients.

Written from the list of calls of each client, for those that no package
registry of the test machines offers. Each module also runs by itself:
python3 tests/clients/NAME.py SOURCE TARGET. Standard library only.
"""
