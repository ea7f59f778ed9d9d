"""Fakes from a real, very small Stable Diffusion pipeline."""

from __future__ import annotations

import io
import json
import logging
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.train.corpus.sources.tiny_diffusion import PROMPTS, Wrapped, build, reals, source
from train.corpus.source import Picture
from train.corpus.sources import generation
from train.corpus.sources.edits import fitted, from_json, mask_of
from train.corpus.sources.generation import Maker, Model, Pipelines, Request
from train.corpus.sources.stable_diffusion import StableDiffusionSource
from train.errors import ConfigError, SourceError

ROOT = Path(__file__).parents[4]
ALL = {"text_to_image": 5, "image_to_image": 4, "inpainting": 3}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("diffusion")
    build(folder / "tiny")
    yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(base: Path) -> Path:
    """What a run in all three modes leaves that nothing disturbed."""
    out = base / "whole"
    source(base, ALL).prepare(out, reals(base / "reals"))
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def records(made: StableDiffusionSource, folder: Path) -> dict[str, dict[str, Any]]:
    return {record["key"]: record for record in made.records(folder)}


def copied(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "out")


def never(model: Model, mode: str) -> Any:
    raise AssertionError(f"{model.id} was loaded for {mode}")


def untouched() -> Iterator[Picture]:
    raise AssertionError("the real pictures were looked at")
    yield


def test_pictures_of_all_modes(base: Path, whole: Path) -> None:
    made = source(base, ALL)
    pictures = {picture.key: picture for picture in made.pictures(whole)}
    known = records(made, whole)
    assert list(pictures) == list(known)
    assert [record["mode"] for record in known.values()] == [mode for mode, many in ALL.items() for _ in range(many)]
    for key, picture in pictures.items():
        assert (picture.label, picture.source) == ("fake", "sd")
        with Image.open(io.BytesIO(picture.read())) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (64, 64))
            assert not image.info  # nothing in the file says where it is from
            assert np.asarray(image).std() > 5
        assert known[key]["status"] == "done"
        assert {"seed", "prompt", "steps", "guidance", "scheduler", "dtype", "diffusers", "batch"} <= set(known[key])
    assert len({record["seed"] for record in known.values()}) == len(known)
    assert len({picture.read() for picture in pictures.values()}) == len(known)


def test_pictures_from_prompts_go_through_the_categories(base: Path, whole: Path) -> None:
    made = [r for r in source(base, ALL).records(whole) if r["mode"] == "text_to_image"]
    assert [(r["category"], r["prompt"]) for r in made] == [
        ("food", "a bowl of soup"),
        ("street", "a wet street"),
        ("food", "an apple"),
        ("street", "a wet street"),
        ("food", "a bowl of soup"),
    ]
    # and pictures of one prompt are one group
    assert made[0]["group"] == made[4]["group"] != made[2]["group"]
    assert {(r["provenance"], r["strength"], r["scheduler"]) for r in made} == {("whole", None, "DDIMScheduler")}


def test_edits_keep_group_category_and_rights_of_their_original(base: Path, whole: Path) -> None:
    originals = {real.key: real for real in reals(base / "reals")}
    made = [record for record in source(base, ALL).records(whole) if "original" in record]
    for record in made:
        original = originals[record["original"]["key"]]
        assert (record["group"], record["category"]) == (original.group, original.category)
        assert record["credit"] == f"Made with tiny from: {original.credit}"
        assert record["licence"] == "CC0"
        # and the prompt is one of the category, or of any where the category has none
        assert record["prompt"] in PROMPTS.get(original.category, PROMPTS["any"])
    kinds = {(record["mode"], record["provenance"]) for record in made}
    assert kinds == {("image_to_image", "whole"), ("inpainting", "local edit")}
    changed = [record["original"]["key"] for record in made if record["mode"] == "image_to_image"]
    assert len(set(changed)) == len(changed)
    assert {record["strength"] for record in made if record["mode"] == "image_to_image"} <= {0.5, 1.0}


def test_inpainting_changes_nothing_outside_its_mask(base: Path, whole: Path) -> None:
    originals = {real.key: real for real in reals(base / "reals")}
    for record in source(base, ALL).records(whole):
        if record["mode"] != "inpainting":
            continue
        before = np.asarray(fitted(originals[record["original"]["key"]].read(), 64, 64), dtype=int)
        after = np.asarray(Image.open(whole / record["file"]), dtype=int)
        mask = mask_of(from_json(record["mask"]), 64, 64)
        near = np.asarray(mask) > 0
        grown = np.zeros_like(near)  # the soft edge is a few px wide
        for down in range(-4, 5):
            for across in range(-4, 5):
                grown |= np.roll(near, (down, across), (0, 1))
        assert 0.02 < near.mean() < 0.7
        assert (before == after)[~grown].all()
        assert np.abs(before - after)[near].mean() > 10


def test_a_second_run_loads_no_model_and_looks_at_no_picture(base: Path, whole: Path, tmp_path: Path) -> None:
    out = copied(whole, tmp_path)
    source(base, ALL).prepare(out, untouched(), never)
    assert files(out) == files(whole)


def test_more_pictures_leave_those_that_are_there(base: Path, whole: Path, tmp_path: Path) -> None:
    out = copied(whole, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    more = source(base, {"text_to_image": 6, "image_to_image": 5, "inpainting": 3})
    more.prepare(out, reals(base / "reals"))
    assert len(list(more.pictures(out))) == 14
    # each mode's last batch had one picture, which is now made again with its neighbour
    assert files(out).items() >= files(whole).items()
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_another_seed_is_other_pictures(base: Path, whole: Path, tmp_path: Path) -> None:
    other = source(base, {"text_to_image": 2}, seed=1)
    other.prepare(tmp_path, untouched())
    found = files(tmp_path)
    assert len(found) == 2
    assert all(content != files(whole)[name] for name, content in found.items())


def test_another_prompt_is_another_picture_of_the_same_name(base: Path, whole: Path, tmp_path: Path) -> None:
    out = copied(whole, tmp_path)
    made = source(base, ALL)
    object.__setattr__(made, "prompts", PROMPTS | {"street": ["an empty street"]})
    made.prepare(out, reals(base / "reals"))
    changed = {name for name, content in files(out).items() if content != files(whole)[name]}
    assert changed == {record["file"] for record in made.records(out) if record["prompt"] == "an empty street"}
    assert len(changed) == 2


def test_a_killed_run_goes_on_and_makes_the_same(base: Path, whole: Path, tmp_path: Path) -> None:
    # given a run that is killed in the midst of the second batch of the second mode
    script = f"""
from pathlib import Path
import torch
from tests.train.corpus.sources.tiny_diffusion import run_until_killed
torch.set_num_threads(1)
run_until_killed(Path({str(base)!r}), Path({str(tmp_path)!r}), {ALL!r}, calls=4)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    before = files(tmp_path)
    assert 5 < len(before) < 9
    # when it is run again
    source(base, ALL).prepare(tmp_path, untouched())
    # then
    assert files(tmp_path) == files(whole)
    assert before.items() <= files(tmp_path).items()


def test_a_lost_file_is_made_again_as_it_was(base: Path, whole: Path, tmp_path: Path) -> None:
    out = copied(whole, tmp_path)
    lost = sorted(out.rglob("*.png"))[1]
    lost.unlink()
    calls: list[int] = []
    pipelines = Pipelines(base, "cpu")
    source(base, ALL).prepare(
        out,
        untouched(),
        lambda model, mode: Wrapped(pipelines(model, mode), lambda prompts: calls.append(len(prompts))),
    )
    assert files(out) == files(whole)
    assert calls == [2]  # with its neighbour, as the first time


def test_a_batch_too_large_for_memory_is_halved(base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # given memory for three pictures
    sizes: list[int] = []

    def before(prompts: list[str]) -> None:
        sizes.append(len(prompts))
        if len(prompts) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    pipelines = Pipelines(base, "cpu")
    made = source(base, {"text_to_image": 10}, batch=8)
    made.prepare(tmp_path, untouched(), lambda model, mode: Wrapped(pipelines(model, mode), before))
    # then it is tried once, and remembered
    assert sizes == [8, 4, 2, 2, 2, 2, 2]
    assert len(list(made.pictures(tmp_path))) == 10
    assert "tiny: out of memory with 8 pictures at once, on with 4" in caplog.text
    assert "tiny: out of memory with 4 pictures at once, on with 2" in caplog.text

    # and where not even one fits, that is said
    def full(_: list[str]) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(SourceError, match="not even one picture of tiny at 64 × 64 px fits into memory"):
        source(base, {"text_to_image": 10}, seed=3).prepare(
            tmp_path, untouched(), lambda model, mode: Wrapped(pipelines(model, mode), full)
        )


def test_black_pictures_are_recorded_and_left_out(base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # given a safety checker that takes offence at soup, and a decoder that fails at streets
    def after(result: Any) -> Any:
        result.images = [Image.new("RGB", (64, 64)), *result.images[1:]]
        result.nsfw_content_detected = [False] * (len(result.images) - 1) + [True]
        return result

    pipelines = Pipelines(base, "cpu")
    made = source(base, {"text_to_image": 6}, batch=3)
    made.prepare(tmp_path, untouched(), lambda model, mode: Wrapped(pipelines(model, mode), after=after))
    # then
    assert len(list(made.pictures(tmp_path))) == len(files(tmp_path)) == 2
    assert [record["status"] for record in made.records(tmp_path)] == ["left_out", "done", "left_out"] * 2
    assert {r["reason"] for r in made.records(tmp_path) if r["status"] == "left_out"} == {"black"}
    assert "sd: 4 pictures came out black and are left out" in caplog.text
    # and they are not made again
    made.prepare(tmp_path, untouched(), never)


def test_a_model_that_only_makes_black_pictures_is_given_up(base: Path, tmp_path: Path) -> None:
    calls: list[int] = []

    def after(result: Any) -> Any:
        calls.append(len(result.images))
        result.images = [Image.new("RGB", (64, 64)) for _ in result.images]
        return result

    pipelines = Pipelines(base, "cpu")
    with pytest.raises(SourceError, match=r"all of the first 8 pictures of tiny are black: .* 'dtype' to bfloat16"):
        source(base, {"text_to_image": 100}).prepare(
            tmp_path, untouched(), lambda model, mode: Wrapped(pipelines(model, mode), after=after)
        )
    assert sum(calls) == 8


def test_originals_are_kept_only_as_long_as_they_are_needed(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # given fewer real pictures than asked for
    made = source(base, {"image_to_image": 8})
    made.prepare(tmp_path / "out", reals(base / "reals", 3))
    assert len(list(made.pictures(tmp_path / "out"))) == 3
    assert "sd: 3 real pictures for image_to_image of tiny-" in caplog.text
    # when there are more, they are taken, and what was made stays
    before = files(tmp_path / "out")
    made.prepare(tmp_path / "out", reals(base / "reals", 40))
    assert len(list(made.pictures(tmp_path / "out"))) == 8
    # then of those that came as bytes only the chosen ones are kept
    kept = {path.name for path in (tmp_path / "out" / "originals").iterdir()}
    wanted = {Path(r["original"]["file"]).name for r in made.records(tmp_path / "out")}
    assert kept == {name for name in wanted if not name.endswith(".png")}
    assert 0 < len(kept) < 8
    # and the choice is not simply the first ones
    chosen = {int(record["original"]["key"]) for record in made.records(tmp_path / "out")}
    assert max(chosen) > 8
    assert before.keys() - files(tmp_path / "out").keys() == set()


def test_an_original_that_cannot_be_read_is_noted(base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = Picture("broken", b"no picture", "real", "photos", "photos/broken", "food")
    made = source(base, {"image_to_image": 3})
    made.prepare(tmp_path, iter([*reals(base / "reals", 2), broken]))
    assert len(list(made.pictures(tmp_path))) == 2
    failed = [record for record in made.records(tmp_path) if record["status"] == "failed"]
    assert [(r["original"]["key"], r["reason"]) for r in failed] == [
        ("broken", "its original cannot be read (UnidentifiedImageError)")
    ]
    assert "sd: 1 pictures could not be made" in caplog.text


def test_jpeg_files_have_qualities_of_the_range(base: Path, tmp_path: Path) -> None:
    made = source(base, {"text_to_image": 6}, jpeg_quality=[70, 95])
    made.prepare(tmp_path, untouched())
    qualities = [record["jpeg_quality"] for record in made.records(tmp_path)]
    assert all(70 <= quality <= 95 for quality in qualities)
    assert len(set(qualities)) > 1
    for picture, quality in zip(made.pictures(tmp_path), qualities, strict=True):
        with Image.open(io.BytesIO(picture.read())) as image:
            plain = io.BytesIO()
            Image.new("RGB", (8, 8)).save(plain, "JPEG", quality=quality)
            assert image.quantization == Image.open(plain).quantization  # type: ignore[attr-defined]


def test_another_scheduler_is_used_and_recorded(base: Path, tmp_path: Path) -> None:
    made = source(base, {"text_to_image": 1}, model={"scheduler": "DDPMScheduler"})
    made.prepare(tmp_path, untouched())
    assert [record["scheduler"] for record in made.records(tmp_path)] == ["DDPMScheduler"]
    with pytest.raises(SourceError, match="diffusers has no scheduler Nonsense"):
        source(base, {"text_to_image": 1}, model={"scheduler": "Nonsense"}).prepare(tmp_path, untouched())


def test_what_stands_in_the_way_is_said_in_a_sentence(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match='source "sd": no real pictures to edit, put a source of them before it'):
        source(base, {"inpainting": 2}).prepare(tmp_path / "a", iter(()))
    (base / "empty").mkdir(exist_ok=True)
    with pytest.raises(SourceError, match=r"^empty cannot be loaded \(\w+\): check its name and revision"):
        source(base, {"text_to_image": 2}, model={"id": "empty"}).prepare(tmp_path / "b", untouched())
    made = source(base, {"image_to_image": 6})
    object.__setattr__(made, "prompts", {"street": ["a wet street"]})
    with pytest.raises(
        SourceError, match='there are no prompts of "food", the category of a real picture, nor of "any"'
    ):
        made.prepare(tmp_path / "c", reals(base / "reals", 1))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SourceError, match="there is no CUDA device here: set 'device' to auto or cpu"):
        source(base, {"text_to_image": 2}, device="cuda").prepare(tmp_path / "e", untouched())
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(SourceError, match=r"making pictures needs diffusers: pip install"):
        source(base, {"text_to_image": 2}).prepare(tmp_path / "d", untouched())


def test_what_a_pipeline_cannot_do_is_said(base: Path) -> None:
    made = source(base, {"image_to_image": 2})
    model = made.models[0]
    maker = Maker(Pipelines(base, "cpu")(model, "image_to_image"), model, "image_to_image", 1)
    with pytest.raises(SourceError, match="tiny cannot do image_to_image: "):
        list(maker.make([Request("a", "an apple", 1, image=None)], 0.5, {"a"}))


@pytest.mark.parametrize(
    ("memory", "side", "dtype", "batch"),
    [
        (80, 1024, "auto", 16),
        (24, 1024, "auto", 4),
        (24, 1024, "float32", 2),
        (12, 512, "auto", 4),
        (6, 512, "auto", 1),
    ],
)
def test_the_first_batch_suits_the_memory(
    base: Path, monkeypatch: pytest.MonkeyPatch, memory: int, side: int, dtype: str, batch: int
) -> None:
    class Card:
        total_memory = memory * 2**30

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Card)
    size = {"width": side, "height": side, "dtype": dtype}
    model = source(base, {"text_to_image": 1}, model=size).models[0]
    assert generation.first_batch(model, "cuda") == batch
    assert generation.first_batch(model, "cpu") == 1
    assert generation.precision(model, "cpu") == "float32"
    assert generation.precision(model, "cuda") == ("float16" if dtype == "auto" else dtype)


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ({"pictures": {"video": 3}}, {}, ", model 1: 'pictures' has to be an object with how many"),
        ({"pictures": {"inpainting": 0}}, {}, ", model 1: 'pictures' has to be"),
        ({"id": None}, {}, ", model 1: 'id' is missing"),
        ({"width": 65}, {}, ", model 1: 'width' has to be a multiple of 8"),
        ({"dtype": "int8"}, {}, ", model 1: 'dtype' has to be one of auto, float16, bfloat16, float32"),
        ({"pictures": {"image_to_image": 1}, "strength": [0.2]}, {}, ", model 1: 'strength' has to be large enough"),
        ({"strength": []}, {}, ", model 1: 'strength' has to be a list of numbers from 0.01 to 1"),
        ({"size": 512}, {}, ", model 1: unknown key 'size'"),
        ({}, {"models": []}, ": 'models' has to be a list of objects"),
        ({}, {"prompts": "nowhere.json"}, ": 'prompts' has to be a JSON file"),
        ({}, {"jpeg_quality": [95, 70]}, ": 'jpeg_quality' has to be the lowest and the highest"),
        ({}, {"device": "tpu"}, ": 'device' has to be one of auto, cuda, cpu"),
        ({}, {"token": "x"}, ": unknown key 'token'"),
    ],
)
def test_a_wrong_configuration_is_said(
    tmp_path: Path, model: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        source(tmp_path, {"text_to_image": 1}, model=model, **options)
    assert str(caught.value).startswith(f'source "sd"{said}')


def test_a_model_may_not_be_there_twice(tmp_path: Path) -> None:
    (tmp_path / "prompts.json").write_text(json.dumps(PROMPTS))
    entry = {"id": "tiny", "pictures": {"text_to_image": 1}}
    options: dict[str, Any] = {"models": [entry, entry | {"pictures": {"text_to_image": 2}}], "prompts": "prompts.json"}
    with pytest.raises(ConfigError, match="twice with the same settings"):
        StableDiffusionSource.from_config("sd", options, tmp_path)
    options["models"][1]["steps"] = 20
    assert len(StableDiffusionSource.from_config("sd", options, tmp_path).models) == 2


def test_the_prompts_that_come_along_have_every_category(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    path = ROOT / "train" / "configs" / "prompts.json"
    options = {"models": [{"id": "x/y", "pictures": {"text_to_image": 1}}], "prompts": str(path)}
    prompts = StableDiffusionSource.from_config("sd", options, Path()).prompts
    faces = "face, asian face, black face, caucasian face, bearded, freckles, wrinkled, spectacles, child"
    rest = "close-up, headshot, street, landscape, food, interior, product, animal, any"
    assert set(prompts) == {*faces.split(", "), *rest.split(", ")}
    assert all(len(set(texts)) >= 12 for texts in prompts.values())
