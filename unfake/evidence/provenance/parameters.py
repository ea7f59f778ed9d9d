"""Parameters that generators write beside their pictures, where they write them; whole sets only count.

A set is complete if it names what a generator cannot run without: a sampler, the number of steps and the seed (of
services that hide those, a node that generates), so that a caption called ``prompt`` says nothing. Text is read by
sd-parsers first; then by the shape of the JSON, which also fits SwarmUI, Draw Things and diffusers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sd_parsers.data import PromptInfo
from sd_parsers.exceptions import ParserError
from sd_parsers.parsers import AUTOMATIC1111Parser, ComfyUIParser, FooocusParser, InvokeAIParser, NovelAIParser

from unfake.evidence.provenance.statement import Kind, Says, State, Statement

KEYWORDS = frozenset(
    {
        "parameters",
        "prompt",
        "workflow",
        "invokeai_metadata",
        "sd-metadata",
        "Dream",
        "Comment",
        "Description",
        "Software",
        "Source",
        "generation_data",
        "sui_image_params",
        "fooocus_scheme",
        "negative_prompt",
        "seed",
        "steps",
        "num_inference_steps",
        "guidance_scale",
        "model",
        "sampler",
        "scheduler",
        "metadata",
        "UserComment",
    }
)
"""PNG keywords under which generators keep them."""

_PARSERS = (FooocusParser(), AUTOMATIC1111Parser(), InvokeAIParser(), NovelAIParser())
_COMFY = ComfyUIParser()
# what sd-parsers raises on texts that only look like parameters
_FAILURES = (ParserError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
_SAMPLING = re.compile(r"sampler|RandomNoise", re.IGNORECASE)
_SERVICE = re.compile(r"OpenAI(DallE|GPTImage)|Flux(Pro|Kontext)|Ideogram|Gemini|Recraft|StabilityStable|Runway|Luma")
_SEEDS = ("seed", "noise_seed")
_SOURCES = re.compile(r"LoadImage", re.IGNORECASE)
_JOB = re.compile(r"Job ID: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$", re.IGNORECASE)
_MOST_NODES = 2000
_LONGEST_TEXT = 2**20
_LONGEST = {"Source": 200}  # sd-parsers looks through this one in quadratic time

# names of one thing in the JSON of different generators
_PROMPT = ("prompt", "positive_prompt", "c", "caption", "full_prompt")
_STEPS = ("steps", "num_inference_steps", "step_count")
_SAMPLER = ("sampler", "sampler_name", "scheduler", "guidance_scale", "cfg_scale", "cfgscale", "scale")
_MODEL = ("model", "base_model", "model_name", "model_id", "model_hash", "base_model_name")
_STRENGTH = ("init_image", "initimage", "init_image_strength")


def statements(text: Mapping[str, str], where: str) -> list[Statement]:
    """What the texts, by keyword, say of how the picture was generated; ``where`` they stood in the file."""
    known = {name: value[: _LONGEST.get(name, _LONGEST_TEXT)] for name, value in text.items() if name in KEYWORDS}
    if not known:
        return []
    graph = _object(known.get("prompt", ""))
    if graph is not None and any(isinstance(node, dict) and "class_type" in node for node in graph.values()):
        return [_comfy(graph, known, where)]
    return [found] if (found := _flat(known, where)) else []


def looks_like_parameters(comment: str) -> bool:
    """Whether a comment could be parameters at all: JSON, or the lines of AUTOMATIC1111."""
    return comment.lstrip().startswith("{") or "Steps: " in comment


def _flat(known: Mapping[str, str], where: str) -> Statement | None:
    """A statement from texts that are no graph; None where nothing is meant as parameters."""
    if _JOB.search(known.get("Description", "")):
        detail = {"tool": "Midjourney", "prompt": known["Description"]}
        return Statement(Kind.PARAMETERS, State.STATED, Says.AI, where, detail)
    found = _parsed(known)
    if found is not None:
        return _by_parser(found, known, where)
    for values in _candidates(known):
        if _has(values, _PROMPT) and "seed" in values and _has(values, _STEPS) and _has(values, _SAMPLER + _MODEL):
            return _by_shape(values, where)
    tried = {"parameters", "prompt", "invokeai_metadata", "sd-metadata", "Dream", "sui_image_params", "generation_data"}
    left = sorted(tried & known.keys())
    if not left:
        return None
    detail = {"keyword": ", ".join(left), "prompt": known[left[0]]}
    return Statement(Kind.PARAMETERS, State.INCOMPLETE, Says.NOTHING, where, detail)


def _object(text: str) -> dict[str, Any] | None:
    """The text as a JSON object; None for anything else, however deep."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _parsed(known: Mapping[str, str]) -> PromptInfo | None:
    """What sd-parsers makes of the texts: the first set with a sampler that has a seed."""
    for parser in _PARSERS:
        try:
            found = parser.parse(dict(known))
        except _FAILURES:
            continue
        if any("seed" in sampler.parameters for sampler in found.samplers):
            return found
    return None


def _by_parser(found: PromptInfo, known: Mapping[str, str], where: str) -> Statement:
    sampler = found.samplers[0]
    complete = bool(sampler.name) and _has(sampler.parameters, ("steps", "cfg_scale"))
    detail = {
        "tool": found.generator.value,
        "model": ", ".join(sorted(map(str, found.models))),
        "sampler": str(sampler.name),
        "seed": str(sampler.parameters.get("seed", "")),
        "steps": str(sampler.parameters.get("steps", "")),
        "prompt": found.full_prompt,
        "negative prompt": found.full_negative_prompt,
    }
    # AUTOMATIC1111 names a denoising strength when it starts from a picture, and when it enlarges its own
    text = known.get("parameters", "")
    edit = "Mask blur: " in text or ("Denoising strength: " in text and "Hires" not in text)
    return _statement(complete, Says.AI_EDIT if edit else Says.AI, where, detail)


def _statement(complete: bool, says: Says, where: str, detail: dict[str, str]) -> Statement:
    if complete:
        return Statement(Kind.PARAMETERS, State.STATED, says, where, detail)
    return Statement(Kind.PARAMETERS, State.INCOMPLETE, Says.NOTHING, where, detail)


def _candidates(known: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Each text that is a JSON object, what it wraps, and all texts together, with keys in lower case."""
    for text in known.values():
        found = _object(text)
        if found is not None:
            yield _lower(found)
            for inner in found.values():
                if isinstance(inner, dict):
                    yield _lower(inner)
    yield _lower(known)


def _lower(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).lower().replace(" ", "_"): value for name, value in values.items()}


def _has(values: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return any(values.get(name) not in (None, "") for name in names)


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    value = next((values[name] for name in names if values.get(name) not in (None, "")), "")
    if isinstance(value, dict):
        value = value.get("name") or value.get("model_name") or ""
    return str(value)


def _by_shape(values: Mapping[str, Any], where: str) -> Statement:
    detail = {
        "model": _first(values, _MODEL),
        "sampler": _first(values, _SAMPLER[:4]),
        "seed": str(values["seed"]),
        "steps": _first(values, _STEPS),
        "prompt": _first(values, _PROMPT),
    }
    return _statement(True, Says.AI_EDIT if _has(values, _STRENGTH) else Says.AI, where, detail)


def _comfy(graph: dict[str, Any], known: Mapping[str, str], where: str) -> Statement:
    """A graph of ComfyUI generates only if a sampler, or a node of a generating service, is in it."""
    nodes = {name: node for name, node in list(graph.items())[:_MOST_NODES] if isinstance(node, dict)}
    kinds = {name: str(node.get("class_type", "")) for name, node in nodes.items()}
    inputs = {name: node["inputs"] for name, node in nodes.items() if isinstance(node.get("inputs"), dict)}
    samplers = [name for name, kind in kinds.items() if _SAMPLING.search(kind) and name in inputs]
    seeded = any(key in inputs[name] for name in samplers for key in _SEEDS)
    linked = {_source(values.get(key)) for values in inputs.values() for key in ("images", "image")}
    services = [kinds[name] for name in sorted(linked & kinds.keys()) if _SERVICE.match(kinds[name])]
    detail = {"tool": "ComfyUI", "model": ", ".join(services)} | _comfy_detail(known)
    edit = any(_starts_from_picture(name, inputs, kinds) for name in samplers)
    return _statement(bool(seeded or services), Says.AI_EDIT if edit else Says.AI, where, detail)


def _source(link: object) -> str:
    """The node that an input comes from; empty for a value."""
    return str(link[0]) if isinstance(link, list) and link else ""


def _comfy_detail(known: Mapping[str, str]) -> dict[str, str]:
    try:
        found = _COMFY.parse({"workflow": "{}", **known})
        sampler = found.samplers[0]
        values = {
            "model": ", ".join(sorted(map(str, found.models))),
            "sampler": str(sampler.name),
            "seed": str(sampler.parameters.get("seed", "")),
            "steps": str(sampler.parameters.get("steps", "")),
            "prompt": found.full_prompt,
        }
    except _FAILURES:
        return {}
    return {name: value for name, value in values.items() if value}


def _starts_from_picture(sampler: str, inputs: Mapping[str, dict[str, Any]], kinds: Mapping[str, str]) -> bool:
    """Whether a loaded picture leads into the latent image that a sampler starts from."""
    waiting, seen = [inputs[sampler].get("latent_image")], set[str]()
    while waiting:
        name = _source(waiting.pop())
        if name in seen or name not in inputs:
            continue
        seen.add(name)
        if _SOURCES.search(kinds[name]):
            return True
        waiting += [value for value in inputs[name].values() if isinstance(value, list)]
    return False
