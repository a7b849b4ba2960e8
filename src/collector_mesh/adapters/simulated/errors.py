"""What a simulation says of what it cannot do."""


class SimulationError(Exception):
    """Something that a simulation cannot do, or that went wrong in it; the text says what was attempted."""
