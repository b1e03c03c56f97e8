"""docker-compose.yml is valid, and asks for its secrets instead of holding any."""

import copy
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.project.containers import ROOT, compose, compose_schema


def test_it_is_valid_by_the_compose_specification():
    jsonschema.Draft202012Validator(compose_schema()).validate(compose())


@pytest.mark.parametrize(
    ("service", "wrong"),
    [
        ("api", {"comand": ["hotslot"]}),
        ("api", {"ports": "8000"}),
        ("db", {"healthcheck": {"tests": ["CMD", "true"]}}),
        ("db", {"depends_on": {"api": {"condition": "healthy"}}}),
    ],
)
def test_the_schema_finds_a_mistake(service: str, wrong: dict[str, object]):
    broken = copy.deepcopy(compose())
    broken["services"][service] |= wrong

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(compose_schema()).validate(broken)


def test_secrets_come_from_the_environment_and_are_required():
    for name, service in compose()["services"].items():
        for variable, value in service["environment"].items():
            if variable.endswith(("PASSWORD", "_KEY", "_DATABASE_URL")):
                assert re.search(r"\$\{\w+:\?[^}]+\}", value), f"{name}: {variable}"


def test_ports_are_for_this_machine_only():
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("setting", ["HOTSLOT_SIGNING_KEYS", "HOTSLOT_LOG_KEYS"])
def test_keys_outlast_the_container(setting: str):
    """All else in it is read-only or a tmpfs, where a key would be gone after a restart."""
    api = compose()["services"]["api"]
    image = (ROOT / "Dockerfile").read_text("utf-8")
    (folder,) = re.findall(rf"(?m)^ENV (?:.*\\\n)* *{setting}=(\S+)", image)
    volumes = dict(reversed(volume.split(":")) for volume in api["volumes"])

    assert volumes[folder] in compose()["volumes"]
    assert not any(Path(folder).is_relative_to(place) for place in api["tmpfs"])
    assert re.search(
        rf"install --directory --owner=hotslot --mode=0700 {folder}(?: \\)?$",
        image,
        re.MULTILINE,
    )


def test_trusted_keys_can_be_mounted_by_taking_comments_away():
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    uncommented = re.sub(r"(?m)^( *)# (HOTSLOT_TRUSTED_KEYS: |- \./trusted:)", r"\1\2", text)
    api = yaml.safe_load(uncommented)["services"]["api"]

    assert f"./trusted:{api['environment']['HOTSLOT_TRUSTED_KEYS']}:ro" in api["volumes"]
    jsonschema.Draft202012Validator(compose_schema()).validate(yaml.safe_load(uncommented))


def test_the_image_copies_only_what_is_there_and_lets_it_through():
    """A renamed folder would leave the build broken, and no engine here would notice."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    copied = [
        source
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    let_through = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }

    assert copied
    assert set(copied) == let_through
    assert all(Path(ROOT, source).exists() for source in copied)


def test_the_image_does_not_run_as_root():
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    last_stage = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM ")) :]

    assert "USER hotslot" in last_stage
