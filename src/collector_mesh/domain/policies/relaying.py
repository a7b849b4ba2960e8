"""How far a call is passed on."""

MAX_HOPS = 4
"""How often a call may be passed on."""
