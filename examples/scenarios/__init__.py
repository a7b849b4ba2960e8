"""Scenarios: days on which things go wrong, run by `make simulate` under a thousand seeds each."""
