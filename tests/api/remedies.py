"""The remedies of a refusal, taken at their word."""

import json
import re
from typing import Any

from tests.api.calls import Caller, done

CALL = re.compile(r"(DELETE|PUT|POST) (/v1/[^\s,]+)(?: with (\{.*?\}))?(?=$|,)")


def take_literally(api: Caller, remedies: list[Any], file: str) -> list[Any]:
    """Do what remedies say, call by call; what a person has is put where they say so."""
    answers = []
    for remedy in remedies:
        calls = CALL.findall(remedy["description"])
        assert calls, remedy
        for method, path, example in calls:
            body = json.loads(example) if example else None
            if body is not None:
                assert body == {"license_file": "{text of the file}"}
                body = {"license_file": file}
            answers.append(done(api.http.request(method, path, json=body)))
    return answers


def the_way(told: Any, action: str) -> Any:
    """The one remedy of a refusal that does this."""
    (remedy,) = (each for each in told["remedies"] if each["action"] == action)
    return remedy
