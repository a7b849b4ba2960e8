"""Imports and exercises the whole domain where nothing of the outside can be imported; run by test_purity."""

import importlib
import importlib.abc
import pkgutil
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

FORBIDDEN = (
    "asyncio",
    "grpc",
    "google",
    "dependency_injector",
    "socket",
    "ssl",
    "selectors",
    "subprocess",
    "sqlite3",
)


class Refusing(importlib.abc.MetaPathFinder):
    """Finds that what is forbidden is not there."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in FORBIDDEN:
            raise ImportError(f"the domain wants {fullname}")
        return None


sys.meta_path.insert(0, Refusing())

import collector_mesh.domain  # noqa: E402  # nothing may be imported before the finder is there

count = 0
for module in pkgutil.walk_packages(collector_mesh.domain.__path__, "collector_mesh.domain."):
    importlib.import_module(module.name)
    count += 1

from tests.unit.domain.world import ECHO, THERE, World  # noqa: E402  # the same

from collector_mesh.app.testing.fakes import run  # noqa: E402  # the same
from collector_mesh.domain.model.introduction import Offer, Welcome  # noqa: E402  # the same
from collector_mesh.domain.model.payload import Payload  # noqa: E402  # the same
from collector_mesh.domain.model.status import OK  # noqa: E402  # the same

world = World()
assert run(world.greeter.connect(Offer("a", "a:1", ("orders",)))).status == OK.__class__(
    200, "Connected with 1 shared namespaces"
)
world.transport.welcomes["b:1"] = Welcome(OK, "c", ("orders",), "b")
assert run(world.keeping.connect("b:1", timeout=1.0)).peer_id == "b"
assert run(world.gateway.serve(ECHO, Payload("x", b"y"))).payload == Payload("x", b"y")
assert run(world.gateway.dispatch(THERE, Payload())).status == OK
assert run(world.gateway.dispatch(THERE, Payload(), target="nobody")).status.code == 404
assert world.explainer.explain(THERE, now=world.clock.now()).fit == ("a", "b")
run(world.keeping.close())
loaded = sorted(name for name in sys.modules if name.partition(".")[0] in FORBIDDEN)
assert not loaded, loaded
sys.stdout.write(f"{count} modules\n")
