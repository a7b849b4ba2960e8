"""A mapping that raises."""

from collections.abc import Iterator, Mapping


class Unreadable(Mapping[str, str]):
    """Raises as soon as it is looked into."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __getitem__(self, key: str) -> str:
        raise self.error

    def __iter__(self) -> Iterator[str]:
        raise self.error

    def __len__(self) -> int:
        raise self.error
