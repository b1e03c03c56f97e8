"""What docker-compose.yml and the Dockerfile say, read for the tests."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def compose() -> dict[str, Any]:
    """The compose file."""
    content = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert isinstance(content, dict)
    return content


def compose_schema() -> dict[str, Any]:
    """The Compose specification's JSON schema, as the package check-jsonschema ships it."""
    path = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(path.read_text("utf-8"))
    assert isinstance(schema, dict)
    return schema


def commands() -> dict[str, list[str]]:
    """Every command that a container runs, by where it stands."""
    found: dict[str, list[str]] = {}
    for name, service in compose()["services"].items():
        if "command" in service:
            found[f"{name} command"] = service["command"]
        if "entrypoint" in service:
            found[f"{name} entrypoint"] = service["entrypoint"]
        if "healthcheck" in service:
            kind, *argv = service["healthcheck"]["test"]
            assert kind == "CMD", "a health check without a shell needs no quoting"
            found[f"{name} health check"] = argv
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    for instruction, argv in re.findall(
        r"^(HEALTHCHECK|CMD|ENTRYPOINT)\b.*?(\[.*\])$", text, re.MULTILINE
    ):
        found[f"image {instruction}"] = json.loads(argv)
    return found
