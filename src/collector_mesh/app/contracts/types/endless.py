"""Types of which no value can be made, or sent: each needs another one, without end."""

from collections.abc import Iterator, Sequence

from collector_mesh.app.contracts.types.plan import Model

MAX_DEPTH = 100
"""Messages within each other, the outermost one included: what readers of protobuf allow."""


def endless_in(models: Sequence[Model]) -> list[str]:
    """What is wrong with models that need values of others in values of others, without end or too deep."""
    depths: dict[int, int] = {}
    flaws = []
    for model in models:
        if id(model) in depths:
            continue
        flaw = _look(model, depths)
        if flaw:
            flaws.append(flaw)
    return flaws


def _look(root: Model, depths: dict[int, int]) -> str:
    """Note how deep the values of a model are at least, and those of the ones it needs; walked without recursion."""
    way: list[tuple[Model, Iterator[Model]]] = [(root, _needed(root))]
    around = {id(root)}
    while way:
        model, rest = way[-1]
        following = next((each for each in rest if id(each) not in depths), None)
        if following is None:
            inner = [depths.get(id(each), 0) for each in _needed(model)]
            depths[id(model)] = 1 + max(inner, default=0)
            around.discard(id(model))
            way.pop()
            if depths[id(model)] > MAX_DEPTH:
                depths.update((id(each), 0) for each, _ in way)
                return f"{model.path}: its values are more than {MAX_DEPTH} messages deep"
            continue
        if id(following) in around:
            depths.update((id(each), 0) for each, _ in way)
            return f"{following.path}: a value of it needs another one, without end: let a field on the way be `T | None`"
        around.add(id(following))
        way.append((following, _needed(following)))
    return ""


def _needed(model: Model) -> Iterator[Model]:
    """The models of the fields without which it has no value."""
    for slot in model.slots:
        if slot.hinted.many == "one" and isinstance(slot.hinted.kind, Model) and not slot.is_optional:
            yield slot.hinted.kind
