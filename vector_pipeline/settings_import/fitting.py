"""What of the imported settings ours accept: a value they refuse is left out, with their own words as the reason.

References are stood in for by something likely, as their values are known only where the settings are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr, ValidationError

from vector_pipeline.settings_import.references import filled, has_reference
from vector_pipeline.settings_values import Section

_LIKELY: Mapping[str, str] = {"url": "https://example.org", "base_url": "https://example.org", "path": "."}
_WORD = "X"
_MOST_ROUNDS = 100

Tell = Callable[[str, str], None]
"""Called with the name of a setting ("" the whole) and why it was left out."""


def fitting(model: type[Section], ours: Mapping[str, Any], tell: Tell) -> dict[str, Any] | None:
    """The settings without what the model refuses; None where it refuses them as a whole."""
    kept = dict(ours)
    for _ in range(_MOST_ROUNDS):
        try:
            model.model_validate(_as_filled(model, kept))
            return kept
        except ValidationError as error:
            names = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]} & kept.keys()
            if not names:
                tell("", _words(error))
                return None
            for name in sorted(names):
                tell(name, _words(error, name))
                kept = _without(kept, name, error)
    tell("", "too much of it is not valid here")
    return None


def identity(model: type[Section], ours: Mapping[str, Any]) -> str:
    """Names a source as our settings compare them: by all but its secrets; references count by their names."""
    secrets = {name for name, field in model.model_fields.items() if field.annotation is SecretStr}
    open_values = sorted(repr((name, value)) for name, value in ours.items() if name not in secrets)
    references = [text for text in open_values if has_reference(text)]
    return repr((model.__name__, model.model_validate(_as_filled(model, ours)).model_dump_json(), references))


def _as_filled(model: type[Section], ours: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _likely(model, name, value) for name, value in ours.items()}


def _likely(model: type[Section], name: str, value: Any) -> Any:
    field = model.model_fields.get(name)
    inside = field.annotation if field else None
    if isinstance(value, dict):
        if isinstance(inside, type) and issubclass(inside, Section):
            return _as_filled(inside, value)
        return {filled(key, _WORD): _likely(model, "", inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_likely(model, "", inner) for inner in value]
    if not isinstance(value, str) or not has_reference(value):
        return value.replace("$$", "$") if isinstance(value, str) else value
    if value.startswith("${") and filled(value, "") == "" and name not in _LIKELY and field is not None:
        if inside is SecretStr or field.is_required():
            return _WORD
        default = field.get_default(call_default_factory=True)
        return default if default not in (None, "") else _WORD
    start = _LIKELY.get(name, _WORD) if value.startswith("${") else ""
    end = value.index("}") + 1 if start else 0
    return start + filled(value[end:], _WORD)


def _without(ours: Mapping[str, Any], name: str, error: ValidationError) -> dict[str, Any]:
    """The settings without what is wrong in one of them: a list loses the items, a section the settings."""
    value = ours[name]
    inner = [detail["loc"][1] for detail in error.errors() if detail["loc"][:1] == (name,) and len(detail["loc"]) > 1]
    if isinstance(value, list) and inner and all(isinstance(one, int) for one in inner):
        left: Any = [item for position, item in enumerate(value) if position not in inner]
    elif isinstance(value, dict) and inner:
        left = {key: item for key, item in value.items() if key not in map(str, inner)}
    else:
        left = None
    return {key: left if key == name else item for key, item in ours.items() if key != name or left}


def _words(error: ValidationError, name: str | None = None) -> str:
    """The reasons. Validators never repeat the value; pydantic's own messages do not either."""
    found = [detail for detail in error.errors() if name is None or detail["loc"][:1] == (name,)]
    texts = [str(detail.get("ctx", {}).get("error") or detail["msg"]) for detail in found]
    return "; ".join(dict.fromkeys(texts))
