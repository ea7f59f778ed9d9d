"""Every command that `python -m train` lists can be run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from train.commands import COMMANDS, TRAIN

ROOT = Path(__file__).parents[2]
EVERY = [(wing, name) for wing, commands in COMMANDS.items() for name in commands if name != TRAIN]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_list_names_them_all_and_each_wing_its_own() -> None:
    found = run("train").stdout.splitlines()
    assert len(found) == len(EVERY) + 2
    measuring = run("train.measure").stdout.splitlines()
    assert [line.split()[3] for line in measuring] == list(COMMANDS["measure"])
    assert [" ".join(line.split()) for line in found if "train.measure" in line] == [
        " ".join(line.split()) for line in measuring
    ]


@pytest.mark.parametrize(("wing", "name"), EVERY)
def test_each_says_how_it_is_used(wing: str, name: str) -> None:
    found = run(f"train.{wing}", name, "--help")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"usage: python -m train.{wing} {name}")


@pytest.mark.parametrize(("wing", "pictures"), [("fit", "--corpus"), ("bundled", "--pool")])
def test_a_network_is_trained_when_nothing_is_named(wing: str, pictures: str) -> None:
    assert pictures in run(f"train.{wing}", "--help").stdout
    found = run(f"train.{wing}", "no-such.json", pictures, "nowhere", "--out", "nowhere")
    assert found.returncode == 1
    assert found.stderr.startswith("error: no-such.json")


def test_what_is_no_command_gets_the_list() -> None:
    found = run("train.measure", "weigh")
    assert found.returncode == 2
    assert re.match(r"python -m train\.measure calibrate", found.stdout)


def test_readme_has_a_line_for_each_wing() -> None:
    text = (ROOT / "train" / "README.md").read_text()
    wings = {path.parent.name for path in (ROOT / "train").glob("*/__main__.py")}
    assert wings == set(COMMANDS)
    assert set(re.findall(r"^\| `(\w+)/` \|", text, flags=re.M)) == wings


def test_what_is_of_training_can_be_left_out_of_a_run(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("train")
    assert not request.node.get_closest_marker("browser")
