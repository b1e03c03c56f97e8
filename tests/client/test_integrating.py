"""What docs/integrating.md shows is true: run again, every example prints what stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from hotslot.client import Hotslot
from tests.serving import ADMIN_KEY, serving

PAGE = (Path(__file__).parents[2] / "docs" / "integrating.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_print_what_is_shown(dsn: str, tmp_path: Path) -> None:
    assert len(EXAMPLES) == PAGE.count("```python") > 3
    folder = {"HOTSLOT_DATA_DIR": str(tmp_path)}
    own = {name: value for name, value in os.environ.items() if not name.startswith("HOTSLOT_")}
    make_key = [sys.executable, "-m", "hotslot", "keys", "generate-signing"]
    subprocess.run(make_key, env=own | folder, check=True, capture_output=True)
    with serving(dsn, **folder) as server:
        with Hotslot(server.url, key=ADMIN_KEY) as hotslot:
            issued = hotslot.licenses.issue(id="scanner-1", product="p", customer="c", slots=1)
        named = {
            "HOTSLOT_URL": server.url,
            "HOTSLOT_KEY": ADMIN_KEY,
            "ACTIVATION_KEY": issued.activation_key,
        }
        for source, shown in EXAMPLES:
            ended = subprocess.run(
                [sys.executable, "-W", "error", "-c", source],
                env=own | named,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                check=False,
            )
            assert ended.stdout == shown, source


def test_ten_lines_are_ten_lines() -> None:
    (first, _), *_ = EXAMPLES
    assert len([line for line in first.splitlines() if line.strip()]) == 10
