"""What can be wrong with a contract."""


class ContractError(TypeError):
    """A contract, or its lock file, cannot be used; the text names where, what is allowed, and what to run."""


class LockFileError(ContractError):
    """The lock file of a contract is missing, broken, or does not have the contract as it is."""
