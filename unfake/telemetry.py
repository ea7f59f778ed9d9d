"""What the libraries of this app would tell their makers, switched off before they are imported."""

from __future__ import annotations

import os
import sys

SWITCHES = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",  # its table for /monitoring, which is off; summed up anew at each error
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, datasets, and gradio's own through it
    "DO_NOT_TRACK": "1",  # https://donottrack.sh
}


def switch_off() -> None:
    """Set the switches of gradio, huggingface_hub and openvino, for this process and its children.

    OpenVINO 2026.4 has no variable for it: importing its model converter sends an event and leaves an id in the home
    folder. ``import openvino`` goes without the converter where that cannot be imported, which is what happens here;
    nothing of it is needed to run a graph.
    """
    os.environ.update(SWITCHES)
    sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
