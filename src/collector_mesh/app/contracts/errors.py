"""What can be wrong with a contract."""


class ContractError(TypeError):
    """A contract, or its lock file, cannot be used; the text names where, what is allowed, and what to run."""
