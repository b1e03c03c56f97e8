"""What is wrong with a field of a request, in words for whoever sent it."""

from collections.abc import Mapping
from typing import Any

from hotslot.api.bodies import ID_PATTERN, KEY_PATTERN, NUL_FREE, REASON_PATTERN, TEXT_PATTERN

_PATTERNS = {
    ID_PATTERN: "must have 1 to 128 letters, digits and . _ ~ - : @, and begin with a letter or "
    "digit",
    TEXT_PATTERN: "must not be empty or have control characters",
    REASON_PATTERN: "must not have control characters",
    KEY_PATTERN: "must have visible ASCII characters only, without spaces",
    NUL_FREE: "must not have a NUL character",
}


def complaint(error: Mapping[str, Any]) -> dict[str, str]:
    """The field and the message of an error that the validation found. The input is not in it."""
    place = [str(part) for part in error["loc"]]
    context = error.get("ctx", {})
    match error["type"]:
        case "json_invalid":
            *place, character = place
            message = f"is not valid JSON, at character {character}: {context['error']}"
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            message = _PATTERNS.get(pattern, f"must match {pattern}")
        case "extra_forbidden":
            message = "is not a field of this call"
        case "missing":
            message = "is missing"
        case "model_attributes_type":
            message = "must be a JSON object"
        case "value_error":
            message = str(context["error"])
        case _:
            message = error["msg"][:1].lower() + error["msg"][1:]
    return {"field": ".".join(place), "message": message}
