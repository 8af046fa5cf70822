"""The SDK's decorators with the types that they keep at run time.

dagger-io 0.21 exports bound methods of a default module; through them mypy sees neither the dataclass that
`object_type` makes nor the signature that `function` and `check` return unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dataclasses
    from collections.abc import Callable
    from typing import Any, ParamSpec, TypeVar, dataclass_transform

    Class = TypeVar("Class", bound=type)
    Arguments = ParamSpec("Arguments")
    Result = TypeVar("Result")

    def field() -> Any:
        """Make an attribute that callers can read; like the standard one, it stands for a value of any type."""
        return dataclasses.field()

    @dataclass_transform(kw_only_default=True, field_specifiers=(field, dataclasses.field))
    def object_type(cls: Class) -> Class:
        """Register an object."""
        return cls

    def function(func: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """Register a function."""
        return func

    def check(func: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """Register a check."""
        return func
else:
    from dagger import check, field, function, object_type

__all__ = ["check", "field", "function", "object_type"]
