"""A registry does what a simple model of it does, whatever is asked of it in whatever order."""

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.unit.domain.registry.world import World, run, shop

from collector_mesh.domain.model.errors import NotFoundError
from collector_mesh.domain.registry.limits import RegistryLimits
from collector_mesh.domain.registry.results import IncompatibleError

NAMESPACES = strategies.sampled_from(["a", "b"])
FILES = strategies.sampled_from(["one.proto", "two.proto"])
FIELDS = strategies.sets(strategies.sampled_from(["f", "g", "h"])).map(lambda found: tuple(sorted(found)))


class Model(RuleBasedStateMachine):
    """The same service in one of two files of one of two namespaces, with more fields or fewer."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(limits=RegistryLimits(history_of_name=4))
        self.files: dict[tuple[str, str], tuple[str, ...]] = {}
        self.service: dict[str, str] = {}
        self.changes = 0

    @rule(namespace=NAMESPACES, name=FILES, fields=FIELDS, force=strategies.booleans())
    def register(self, namespace: str, name: str, fields: tuple[str, ...], force: bool) -> None:
        file = self.world.given(shop("id", *fields, name=name))
        before = self.files.get((namespace, name))
        # The service may move here from another file; its message goes with it.
        moved_from = self.files.get((namespace, self.service.get(namespace, "")))
        lost = any(set(old or ()) - set(fields) for old in (before, moved_from))
        registering = self.world.registry.register_service(namespace, "Shop", None, file, force=force)

        if lost and not force:
            with pytest.raises(IncompatibleError):
                run(registering)
            return
        done = run(registering)

        is_new_service = namespace not in self.service
        is_moved = not is_new_service and self.service[namespace] != name
        expected = "unchanged" if before == fields and not is_moved else "changed"
        assert done.outcome == ("registered" if is_new_service else expected)
        self.changes += (before != fields) + (is_new_service or is_moved) + is_moved
        if is_moved:
            # Nothing needs the file that it was in.
            del self.files[namespace, self.service[namespace]]
        self.files[namespace, name] = fields
        self.service[namespace] = name

    @rule(namespace=NAMESPACES)
    def remove(self, namespace: str) -> None:
        removing = self.world.registry.deregister(namespace, "acme.Shop")
        if namespace not in self.service:
            with pytest.raises(NotFoundError):
                run(removing)
            return
        run(removing)

        self.changes += 2
        del self.files[namespace, self.service.pop(namespace)]

    @invariant()
    def what_is_there_is_what_was_registered(self) -> None:
        registry = self.world.registry
        listed = {one.namespace: one.file for one in run(registry.services()).services}
        assert listed == self.service
        for namespace, name in self.service.items():
            (data,) = run(registry.files(namespace, "Shop"))
            assert data == self.world.given(shop("id", *self.files[namespace, name], name=name)).data
        for (namespace, name), fields in self.files.items():
            file = run(registry.file(namespace, name))
            assert file.data == self.world.given(shop("id", *fields, name=name)).data

    @invariant()
    def the_history_has_all_changes_or_says_how_many_are_gone(self) -> None:
        page = run(self.world.registry.history(limit=1000))
        assert len(page.changes) + page.dropped == self.changes
        numbers = [change.number for change in page.changes]
        assert numbers == sorted(numbers, reverse=True)


Model.TestCase.settings = settings(max_examples=15, stateful_step_count=12)
TestModel = Model.TestCase
