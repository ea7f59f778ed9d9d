"""What programs are told of an endpoint's parameters: what each is, and an example of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gradio.blocks import Block
from gradio.components import Component
from gradio.utils import get_function_description, get_function_params
from gradio_client import handle_file

# What Gradio itself shows for a picture.
PICTURE = handle_file("https://raw.githubusercontent.com/gradio-app/gradio/main/test/test_files/bus.png")
EXAMPLES = {
    "picture": PICTURE,
    "address": "https://raw.githubusercontent.com/gradio-app/gradio/main/test/test_files/bus.png",
    "query": "portrait",
    "photo_id": "pagoda",
}
"""By the parameter's name; where none stands here, its default is one."""


def describe(endpoint: Callable[..., Any], inputs: Sequence[Block]) -> None:
    """Give the endpoint's ``inputs`` what its docstring says of each parameter, and the example by its name."""
    texts = get_function_description(endpoint)[1]
    for component, (name, *_) in zip(inputs, get_function_params(endpoint), strict=True):
        if not isinstance(component, Component):
            raise TypeError(f"{component!r} takes no value")
        component.label = f"{name}: {texts[name]}"
        if name in EXAMPLES:
            shown = partial(EXAMPLES.__getitem__, name)
            # A class of its own would make Gradio write a stub file beside this one.
            component.example_payload = component.example_value = shown  # type: ignore[method-assign]
