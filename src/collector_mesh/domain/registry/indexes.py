"""What leads to the entries of a namespace: the files that they need, their short names, the services that files have."""

from collections.abc import Mapping

from collector_mesh.domain.ports.registry_store import EntryKey, StoredHead

_NONE: Mapping[EntryKey, None] = {}


def short_name(name: str) -> str:
    """The last part of a full name."""
    return name.rpartition(".")[2]


class Index:
    """Keys by a text that stands for some of them. A copy costs little, and is changed before it is shown to others.

    Args:
        keys: by their texts.
    """

    def __init__(self, keys: Mapping[str, dict[EntryKey, None]] | None = None) -> None:
        self._keys = dict(keys or {})
        self._own: set[str] = set()
        """Those texts whose keys no other index has."""

    def __getitem__(self, text: str) -> Mapping[EntryKey, None]:
        return self._keys.get(text, _NONE)

    def copy(self) -> "Index":
        """The same, to be changed."""
        return Index(self._keys)

    def add(self, text: str, key: EntryKey) -> None:
        """Have a text stand for one key more."""
        self._own_keys(text)[key] = None

    def remove(self, text: str, key: EntryKey) -> None:
        """Have a text stand for one key less."""
        keys = self._own_keys(text)
        keys.pop(key, None)
        if not keys:
            del self._keys[text]
            self._own.remove(text)

    def _own_keys(self, text: str) -> dict[EntryKey, None]:
        if text not in self._own:
            self._own.add(text)
            self._keys[text] = dict(self[text])
        return self._keys[text]


class Indexes:
    """All that lead to entries.

    Args:
        users: what needs a file.
        short: services by their short names.
        offered: files by both names of each service that they have.
    """

    def __init__(
        self, users: Index | None = None, short: Index | None = None, offered: Index | None = None
    ) -> None:
        self.users = users or Index()
        self.short = short or Index()
        self.offered = offered or Index()

    def copy(self) -> "Indexes":
        """The same, to be changed."""
        return Indexes(self.users.copy(), self.short.copy(), self.offered.copy())

    def add(self, head: StoredHead) -> None:
        """Lead to one more."""
        for name in head.needs:
            self.users.add(name, head.key)
        for name in _offered(head):
            self.offered.add(name, head.key)
        if head.key.kind == "service":
            self.short.add(short_name(head.key.name), head.key)

    def remove(self, head: StoredHead) -> None:
        """Lead to one less."""
        for name in head.needs:
            self.users.remove(name, head.key)
        for name in _offered(head):
            self.offered.remove(name, head.key)
        if head.key.kind == "service":
            self.short.remove(short_name(head.key.name), head.key)


def _offered(head: StoredHead) -> dict[str, None]:
    return dict.fromkeys(one for name in head.offers for one in (name, short_name(name)))
