"""What the class of a contract says."""

from collections.abc import Callable, Mapping
from typing import Any

from collector_mesh.app.contracts.declaration import Declaration, Member
from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.form import is_options
from collector_mesh.app.contracts.hints import contract_hint, signature_of
from collector_mesh.app.contracts.types.interface import (
    NO_DEFAULT,
    Described,
    MethodTypes,
    Parameter,
    ServiceTypes,
)
from collector_mesh.app.services.hints import awaited


class ClassDeclaration(Declaration):
    """What a class says that is a contract.

    Args:
        kind: the class.
        namespace: of the service.
        service: its full name.
        members: its methods, those of its bases included.
        names: gives the names that count where the class is defined.
        lock: the path of the lock file from the folder of the module; empty for the one beside the module.
        type_names: the names of types in protobuf, where those are not the names of their classes.
    """

    def __init__(
        self,
        kind: type,
        namespace: str,
        service: str,
        members: Mapping[str, Member],
        names: Callable[[], Mapping[str, Any]],
        lock: str,
        type_names: Mapping[Any, str],
    ) -> None:
        super().__init__(kind.__qualname__, namespace, service, members)
        self.module = kind.__module__
        self.lock = lock
        self.type_names = type_names
        self._names = names

    def service_types(self) -> ServiceTypes:
        """The types of all its methods.

        Raises:
            ContractError: an annotation cannot be resolved, or can be none of a contract; the text names all of them.
        """
        methods, problems = [], []
        for member in self.members.values():
            try:
                methods.append(self.types(member))
            except ContractError as error:
                problems.append(str(error))
        if problems:
            raise ContractError("; ".join(problems))
        return ServiceTypes(
            self.service,
            tuple(methods),
            names=self._names(),
            type_names=self.type_names,
        )

    def _find_types(self, member: Member) -> MethodTypes:
        function: Any = member.function
        what = f"{member.owner}.{member.attribute}"
        names = self._names()
        signature = signature_of(function)
        parameters = []
        for each in list(signature.parameters.values())[1:]:
            if is_options(each):
                continue
            hint = contract_hint(f"{what}: {each.name}", function, each.annotation, names)
            default = NO_DEFAULT if each.default is each.empty else each.default
            parameters.append(Parameter(each.name, hint, default, each.kind is each.KEYWORD_ONLY))
        result = contract_hint(f"{what}: the result", function, signature.return_annotation, names)
        return MethodTypes(member.name, tuple(parameters), awaited(result), member.idempotent)

    def _describe(self) -> Described:
        # Whoever imports a contract need not use it.
        from collector_mesh.app.contracts.locks.using import locked_contract
        from collector_mesh.app.contracts.types.described import described

        locked = locked_contract(self.module, self.namespace, self.service, self.lock)
        made = described(self.service_types(), locked.numbers)
        locked.check(made.shape)
        return made
