"""Command-line options made from the settings, so that their names, types and texts cannot drift apart."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from codeblock.config import Settings

F = TypeVar("F", bound=Callable[..., None])


def with_settings(**sections: type[Settings]) -> Callable[[F], F]:
    """Give a command one option per setting; the command receives those that were set in its ``**settings``.

    Args:
        sections: settings classes by the name of their recipe section. Their field names must be distinct.
    """

    def decorate(command: F) -> F:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.kind is not p.VAR_KEYWORD]
        made = [_parameter(section, name, cls) for section, cls in sections.items() for name in cls.model_fields]
        command.__signature__ = inspect.Signature([*own, *made])  # pyright: ignore[reportFunctionMemberAccess]
        command.__annotations__ = {p.name: p.annotation for p in [*own, *made]}
        return command

    return decorate


def by_section(settings: dict[str, Any], **sections: type[Settings]) -> dict[str, dict[str, Any]]:
    """The options that were set, as a recipe's nested values."""
    return {
        section: {name: settings[name] for name in cls.model_fields if settings[name] is not None}
        for section, cls in sections.items()
    }


def merge(recipe: dict[str, Any], flags: dict[str, Any]) -> dict[str, Any]:
    """Nested values of a recipe, overridden by flags."""
    merged = dict(recipe)
    for key, value in flags.items():
        old = merged.get(key)
        merged[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return {key: value for key, value in merged.items() if value != {} or key in recipe}


def _parameter(section: str, name: str, cls: type[Settings]) -> inspect.Parameter:
    """One keyword option; absent means not set."""
    field = cls.model_fields[name]
    default = "" if field.is_required() or field.default is None else f" (default: {field.default})"
    option = typer.Option(help=f"{field.description}{default}", rich_help_panel=f"{section} settings", show_default=False)
    kind: Any = field.annotation
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option])
