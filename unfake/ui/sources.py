"""What the sources that a checkpoint was trained and measured on are called on the page and in its plots."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

# At most 28 letters each, which is what a plot has room for.
NAMES: Mapping[str, str] = {
    "cameras_exif_samples": "Cameras: Exif samples",
    "cameras_metadata_extractor": "Cameras: metadata samples",
    "ccp_fashion": "Fashion photos (CCP)",
    "ciplab_chmoe": "Face composites (CIPLAB)",
    "ciplab_chmoe_result": "Portraits (CIPLAB)",
    "comfyui_examples": "ComfyUI’s examples",
    "danhammo6_zimage": "Z-Image and photos",
    "dexer1": "Unknown mix (dexer1)",
    "facechain_styles": "FaceChain’s styles",
    "facemask_without_chandrika": "Faces without a mask",
    "fakerjs_portraits": "Portraits by SD 3 (Faker)",
    "flux_schnell_occup_shashank": "FLUX.1 schnell",
    "forrealscan_game": "Guessing game ForRealScan",
    "gemini3pro_unsplash_teenbiscuits": "Gemini 3 Pro and Unsplash",
    "gpt4o_jamez": "GPT-4o",
    "imagenet1000_sample": "ImageNet, a sample",
    "kurlyto_game": "Guessing game by kurlyto",
    "midjourney_named": "Midjourney by its metadata",
    "midjourney_profiletester": "Midjourney’s profiles",
    "ml72_playground": "GANs and diffusion (ml72)",
    "named_google": "Google’s generators",
    "named_midjourney": "Midjourney by its file names",
    "named_open_models": "Open models",
    "named_openai": "OpenAI’s generators",
    "named_replit": "Replit’s site builder",
    "nanobanana_picotrex": "Nano Banana’s edits",
    "pexels_named": "Pexels",
    "sd_negroles_alifalhasan": "Stable Diffusion 1.5",
    "sdfd_sd21": "Stable Diffusion 2.1",
    "skvarc_game": "Guessing game by skvarc",
    "songguo_gpt4o_nanobanana": "GPT-4o or Nano Banana",
    "tpdne_ffhq_dinablachman": "StyleGAN 2 and FFHQ faces",
    "unsplash_named": "Unsplash",
}
_KNOWN = re.compile("`({0})`|\\b({0})\\b".format("|".join(NAMES)))


def readable(source: str) -> str:
    """A source's name for people; one that is not known keeps its own.

    >>> readable("gpt4o_jamez"), readable("mine")
    ('GPT-4o', 'mine')
    """
    return NAMES.get(source, source)


def explained(markdown: str) -> str:
    """The text with each source under its readable name, and its own name as what a pointer shows.

    >>> explained("worst: `dexer1` (0.77)")
    'worst: <span title="dexer1">Unknown mix (dexer1)</span> (0.77)'
    """
    return _KNOWN.sub(lambda found: _named(found[1] or found[2]), markdown)


def _named(source: str) -> str:
    return f'<span title="{source}">{escape(NAMES[source])}</span>'
