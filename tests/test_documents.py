"""The documents lead where they say, and list what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from train.commands import COMMANDS

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "train" / "README.md"])


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub and the Hub name them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        found = document.parent / name if name else document
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_each_document_can_be_reached_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(([^)#\s]+)", (ROOT / "README.md").read_text()))
    assert {str(path.relative_to(ROOT)) for path in DOCUMENTS} - {"README.md"} <= linked


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_command_of_training_is_one(document: Path) -> None:
    for wing, name in re.findall(r"python -m train\.(\w+) ([a-z]\w*)(?!\S*/)", document.read_text()):
        assert name in COMMANDS[wing], f"train.{wing} {name}"


def test_the_commands_to_set_up_are_two() -> None:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert [text for language, text in blocks if not language] == [
        "pip install -r requirements.txt && python app.py\n",
        "pip install -r tests/requirements.txt && pytest\n",
    ]


def test_the_settings_are_those_of_the_example() -> None:
    table = re.findall(r"^\| (`[A-Z].*?) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    explained = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    example = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert explained == example - {"GRADIO_TEMP_DIR"}  # Gradio's own; see "what it keeps"
    read = set(re.findall(r'"(\w+)"', (ROOT / "unfake" / "settings.py").read_text()))
    assert explained <= read | {"HF_TOKEN"}  # read by huggingface_hub


def test_the_lock_has_a_version_within_the_bounds_of_each_requirement() -> None:
    text = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))
    files = [ROOT / "requirements.txt", ROOT / "requirements-gpu.txt"]
    files += [ROOT / "tests" / "requirements.txt", ROOT / "train" / "requirements.txt"]
    for line in (line for file in files for line in file.read_text().splitlines() if not line.startswith(("#", "-r"))):
        wanted = Requirement(line)
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), line
