"""What the methods of a contract take and give, as bytes and back."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import attrs

from collector_mesh.app.contracts.types.binding import Binding
from collector_mesh.app.contracts.types.budget import Budget, OverBudgetError, UnweighedError
from collector_mesh.app.contracts.types.classes import classes_of
from collector_mesh.app.contracts.types.compiling import Compiled, compiled
from collector_mesh.app.contracts.types.plan import MethodPlan, Model, Plan
from collector_mesh.app.contracts.types.read_flaws import flaws_of_message
from collector_mesh.app.contracts.types.weighing import check_weight
from collector_mesh.app.contracts.types.write_flaws import flaws_of_arguments, flaws_of_value
from collector_mesh.domain.model.errors import HandlerError, InvalidCallError, PayloadTooLargeError, text_of
from collector_mesh.domain.model.payload import EMPTY_NAME, MAX_PAYLOAD_BYTES

_SMALL = 1 << 10
"""Bytes of a message that is read without a look at how many values are in it."""


@attrs.frozen(eq=False)
class _Built:
    """What values are written and read with."""

    classes: Mapping[str, Any]
    functions: Mapping[str, Compiled]
    check_size: Any


class Building:
    """Builds what values are written and read with when it is first needed: protobuf is loaded for it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._built: _Built | None = None

    def built(self) -> _Built:
        """What there is for the whole contract; the same each time, from any thread."""
        with self._lock:
            if self._built is None:
                from collector_mesh.adapters.wire.message_classes import Sizes

                self._built = _Built(classes_of(self._plan), compiled(self._plan), Sizes().check)
            return self._built


class Coding:
    """Writes and reads the values of one model, or of none, which are empty messages.

    Args:
        model: the model; None for nothing.
        names: how errors name the value; for arguments, each of them.
        building: of the contract.
    """

    def __init__(self, model: Model | None, names: Sequence[str], building: Building) -> None:
        self._model = model
        self._names = list(names)
        self.name = EMPTY_NAME if model is None else model.name
        built = building.built()
        self._class = built.classes[self.name]
        self._parse = self._class.FromString
        self._check_size = built.check_size
        if model is not None:
            self._fields = built.functions[model.name].fields
            self._value = built.functions[model.name].value

    def write(self, value: Any, most: int) -> bytes:
        """A value as bytes, of which there may be `most`: no more is written, and how many there are is for others to see.

        Raises:
            InvalidCallError: it cannot travel; the text names each part that is wrong.
            PayloadTooLargeError: it takes more than may be written.
        """
        if self._model is None:
            return b""
        try:
            data: bytes = self._class(**self._fields_of(value, most)).SerializeToString()
        except OverBudgetError:
            raise PayloadTooLargeError(
                f"{', '.join(self._names)}: has more values than may be sent, or more than {most} bytes"
            ) from None
        except Exception as error:  # noqa: BLE001  # what it was is found out below
            self._refuse_value(value, error)
        return data

    def _fields_of(self, value: Any, most: int) -> dict[str, Any]:
        try:
            return self._fields(value, 1, Budget(most))
        except UnweighedError:
            assert self._model is not None  # nothing is written of none
            check_weight(self._model, value)
            return self._fields(value, 1, Budget(most, is_weighed=True))

    def read(self, data: bytes) -> Any:
        """A value of bytes; an empty tuple for none.

        Raises:
            InvalidCallError: there is none in them; the text names each part that is wrong.
            PayloadTooLargeError: they hold more values than may be read.
        """
        if len(data) > _SMALL:
            self._check_size(self._class, data)
        try:
            message = self._parse(data)
        except Exception as error:
            raise InvalidCallError(f"payload cannot be read as {self.name}") from error
        if self._model is None:
            return ()
        try:
            return self._value(message)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # the class of a value may end in anything
            self._refuse_message(message, error)

    def _refuse_value(self, value: Any, error: Exception) -> NoReturn:
        model = self._model
        assert model is not None  # nothing is written of none
        if model.kind is None:
            flaws = flaws_of_arguments(model, tuple(value), self._names)
        else:
            flaws = flaws_of_value(model, value, self._names[0])
        told = str(flaws) if len(flaws) else f"{', '.join(self._names)}: {_unnamed(error)}"
        raise InvalidCallError(told) from None

    def _refuse_message(self, message: Any, error: BaseException) -> NoReturn:
        assert self._model is not None  # nothing is read of none
        flaws = flaws_of_message(self._model, message, self._names)
        told = str(flaws) if len(flaws) else f"{', '.join(self._names)}: {text_of(error)}"
        raise InvalidCallError(told) from None


def _unnamed(error: Exception) -> str:
    # Its text may have the value in it.
    return f"cannot be written: {type(error).__name__}"


class Codec:
    """The codec of a method; see `MethodCodec`."""

    def __init__(self, plan: MethodPlan, building: Building) -> None:
        names = [parameter.name for parameter in plan.types.parameters]
        self._request = Coding(plan.request, names, building)
        self._response = Coding(plan.response, ["result"], building)
        self._takes_model = plan.takes_model
        self._gives_model = plan.gives_model or plan.response is None
        self._gives_nothing = plan.response is None
        self._is_simple = plan.takes_model and not plan.types.parameters[0].keyword_only
        self._bind = Binding(plan.types).bind

    @property
    def takes(self) -> str:
        """The full name of the message that the method takes."""
        return self._request.name

    @property
    def gives(self) -> str:
        """The full name of the message that the method gives."""
        return self._response.name

    def write_request(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], most: int = MAX_PAYLOAD_BYTES
    ) -> bytes:
        """The arguments of a call as bytes."""
        if self._is_simple and len(args) == 1 and not kwargs:
            return self._request.write(args[0], most)
        values = self._bind(args, kwargs)
        return self._request.write(values[0] if self._takes_model else values, most)

    def read_request(self, data: bytes) -> tuple[Any, ...]:
        """The arguments of a call, one for each parameter, in order."""
        found = self._request.read(data)
        return (found,) if self._takes_model else found

    def write_result(self, value: Any, most: int = MAX_PAYLOAD_BYTES) -> bytes:
        """A result as bytes."""
        if self._gives_nothing:
            if value is not None:
                raise HandlerError(f"result: got {type(value).__qualname__}, expected None")
            return b""
        try:
            return self._response.write(value if self._gives_model else (value,), most)
        except (InvalidCallError, PayloadTooLargeError) as error:
            raise HandlerError(str(error)) from error

    def read_result(self, data: bytes) -> Any:
        """A result."""
        found = self._response.read(data)
        if self._gives_nothing:
            return None
        return found if self._gives_model else found[0]
