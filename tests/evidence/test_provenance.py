from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tests.evidence import files
from unfake.detector.calibration import Label
from unfake.detector.detector import Verdict
from unfake.evidence.provenance import Kind, Says, State, Statement, read
from unfake.evidence.provenance.reading import guarded
from unfake.evidence.provenance.vocabulary import SOURCE_TYPES, source_type
from unfake.judgement import Ground, judge

AI = files.source_type("trainedAlgorithmicMedia")
PIXELS = Verdict(Label.INCONCLUSIVE, 0.5, "")


def found(data: bytes, kind: Kind) -> list[Statement]:
    return [statement for statement in read(data).statements if statement.kind is kind]


def settles(data: bytes) -> Label | None:
    judgement = judge(read(data), PIXELS)
    return None if judgement.ground is Ground.PIXELS else judgement.label


@pytest.mark.parametrize(
    "data",
    [
        files.jpeg(xmp=AI),
        files.png(xmp=AI),
        files.other("WEBP", xmp=AI),
        files.other("TIFF", xmp=AI),
        files.other("AVIF", xmp=AI),
        files.other("HEIF", xmp=AI),
        files.gif(AI),
    ],
    ids=["jpeg", "png", "webp", "tiff", "avif", "heic", "gif"],
)
def test_xmp_is_found_where_each_format_keeps_it(data: bytes) -> None:
    (statement,) = found(data, Kind.METADATA)
    assert (statement.state, statement.says, statement.where) == (State.STATED, Says.AI, "XMP")
    assert statement.detail["digital source type"] == "trainedAlgorithmicMedia"
    assert settles(data) is Label.DECLARED_AI


class TestExtendedXmp:
    """What a JPEG keeps of its XMP in further segments, since one has no room for more than 64 KB."""

    GUID, PIECES = files.extended_xmp(AI, 300)
    LINE = Statement(Kind.METADATA, State.UNREADABLE, Says.NOTHING, "Extended XMP")

    def picture(self, pieces: list[bytes], guid: str = GUID) -> bytes:
        return files.with_segments(files.jpeg(xmp=files.xmp(xmpNote_HasExtendedXMP=guid)), pieces)

    def test_its_pieces_are_joined_in_whatever_order_they_lie(self) -> None:
        assert len(self.PIECES) > 2
        for pieces in (self.PIECES, self.PIECES[::-1], [*self.PIECES[1:], self.PIECES[0]]):
            (statement,) = found(self.picture(pieces), Kind.METADATA)
            assert (statement.says, statement.where) == (Says.AI, "XMP")
            assert settles(self.picture(pieces)) is Label.DECLARED_AI

    def test_a_real_size_of_several_segments_is_read(self) -> None:
        guid, pieces = files.extended_xmp(
            files.xmp(f"<dc:title>{'x' * 150_000}</dc:title>", xmp_CreatorTool="Sora"), 65_000
        )
        assert len(pieces) == 3
        assert settles(self.picture(pieces, guid)) == settles(files.jpeg(xmp=files.xmp(xmp_CreatorTool="Sora")))

    def test_the_first_packet_goes_before_what_follows(self) -> None:
        first = files.xmp(
            xmpNote_HasExtendedXMP=self.GUID, Iptc4xmpExt_DigitalSourceType=files.SOURCE_TYPE + "humanEdits"
        )
        assert settles(files.with_segments(files.jpeg(xmp=first), self.PIECES)) is None

    def changed(self, piece: int, at: int, value: bytes) -> list[bytes]:
        pieces = list(self.PIECES)
        start = len(b"http://ns.adobe.com/xmp/extension/\0") + at
        pieces[piece] = pieces[piece][:start] + value + pieces[piece][start + len(value) :]
        return pieces

    def test_what_does_not_fit_together_is_one_line(self) -> None:
        damaged = {
            "nothing there": [],
            "a gap": [self.PIECES[0], *self.PIECES[2:]],
            "the first is missing": self.PIECES[1:],
            "the last is missing": self.PIECES[:-1],
            "one twice": [self.PIECES[0], *self.PIECES],
            "another offset": self.changed(1, 36, (299).to_bytes(4)),
            "another length": self.changed(1, 32, (700).to_bytes(4)),
            "a wrong length in all": [piece[:67] + (10**6).to_bytes(4) + piece[71:] for piece in self.PIECES],
            "another content": self.changed(0, 50, b"#"),
            "of another packet": self.changed(1, 0, b"0" * 32),
            "cut off": [*self.PIECES[:-1], self.PIECES[-1][:20]],
        }
        for name, pieces in damaged.items():
            data = self.picture(pieces)
            assert found(data, Kind.METADATA) == [self.LINE], name
            assert settles(data) is None, name

    def test_a_packet_over_the_limit_is_not_read(self) -> None:
        large = files.xmp("<dc:title>" + "x" * 2**20 + "</dc:title>", photoshop_Credit="Made with Google AI")
        guid, pieces = files.extended_xmp(large, 65_000)
        assert found(self.picture(pieces, guid), Kind.METADATA) == [self.LINE]

    def test_one_that_no_packet_names_is_not_read(self) -> None:
        for first in (files.jpeg(), files.jpeg(xmp=files.xmp(xmp_CreatorTool="GIMP"))):
            assert settles(files.with_segments(first, self.PIECES)) is None
        assert settles(self.picture(self.PIECES, "0" * 32)) is None

    def test_what_the_first_packet_says_stands_where_the_rest_is_lost(self) -> None:
        first = files.xmp(xmpNote_HasExtendedXMP=self.GUID, photoshop_Credit="Made with Google AI")
        data = files.with_segments(files.jpeg(xmp=first), self.PIECES[:-1])
        assert settles(data) is Label.DECLARED_AI
        assert self.LINE in found(data, Kind.METADATA)


def test_exif_is_found_where_each_format_keeps_it() -> None:
    camera = files.exif(Make="Canon", Model="EOS R5", LensModel="RF 50mm", ExposureTime=0.01)
    picture = files.pixels()
    for name in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF"):
        data = files.jpeg(camera) if name == "JPEG" else files.other(name, camera)
        (statement,) = found(data, Kind.CAMERA)
        assert (statement.state, statement.says) == (State.WEAK, Says.CAMERA), name
        assert statement.detail["camera"] == "Canon EOS R5"
        assert statement.detail["lens"] == "RF 50mm"
        assert settles(data) is None
    assert picture.size == (96, 96)


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("trainedAlgorithmicMedia", Label.DECLARED_AI),
        ("compositeWithTrainedAlgorithmicMedia", Label.DECLARED_AI_EDIT),
        ("algorithmicMedia", None),
        ("digitalCapture", None),
        ("digitalCreation", None),
        ("humanEdits", None),
        ("compositeSynthetic", None),
    ],
)
def test_each_source_type_settles_what_the_table_says(code: str, label: Label | None) -> None:
    data = files.jpeg(xmp=files.source_type(code))
    assert settles(data) is label
    (statement,) = found(data, Kind.METADATA)
    assert statement.detail["digital source type"] == code


def test_source_types_are_read_as_whole_words_only() -> None:
    assert all(source_type(code) == (code, says) for code, says in SOURCE_TYPES.items())
    assert source_type("https://example.com/trainedAlgorithmicMedia") is None
    assert source_type("no trainedAlgorithmicMedia here") is None


@pytest.mark.parametrize(
    ("packet", "label"),
    [
        (files.xmp(photoshop_Credit="Made with Google AI"), Label.DECLARED_AI),
        (files.xmp(photoshop_Credit="Edited with Google AI"), Label.DECLARED_AI_EDIT),
        (files.xmp(xmp_CreatorTool="Adobe Firefly 3.0"), Label.DECLARED_AI),
        (files.xmp(photoshop_Credit="Made with Google AI tools by hand"), None),
        (files.xmp(xmp_CreatorTool="Adobe Photoshop 26.0 with Firefly"), None),
        (files.xmp(xmp_CreatorTool="Aurora HDR 2019"), None),
    ],
)
def test_fields_of_services_settle_and_what_only_resembles_them_does_not(packet: str, label: Label | None) -> None:
    assert settles(files.png(xmp=packet)) is label


def test_what_an_ingredient_says_of_itself_says_nothing_of_the_picture() -> None:
    inner = (
        "<xmpMM:Pantry><rdf:Bag><rdf:li><rdf:Description "
        f'Iptc4xmpExt:DigitalSourceType="{files.SOURCE_TYPE}trainedAlgorithmicMedia"/></rdf:li></rdf:Bag></xmpMM:Pantry>'
    )
    assert settles(files.jpeg(xmp=files.xmp(inner))) is None


def test_editing_programs_are_named_and_settle_nothing() -> None:
    history = (
        '<xmpMM:History><rdf:Seq><rdf:li stEvt:action="saved" stEvt:softwareAgent="Adobe Photoshop 26.0"/>'
        "</rdf:Seq></xmpMM:History>"
    )
    data = files.jpeg(files.exif(Software="GIMP 2.10"), files.xmp(history))
    assert {s.detail["programs"] for s in found(data, Kind.EDITING)} == {"Adobe Photoshop 26.0", "GIMP 2.10"}
    assert settles(data) is None


def test_iptc_credit_settles() -> None:
    assert settles(files.iptc("Made with Google AI")) is Label.DECLARED_AI
    assert settles(files.iptc("Jane Doe / Agency")) is None


def test_the_signature_of_xai_needs_both_of_its_fields() -> None:
    signature, artist = "Signature: " + "Ab1/" * 20 + "==", "3f2b8c1e-1111-4222-8333-944455556666"
    assert settles(files.jpeg(files.exif(ImageDescription=signature, Artist=artist))) is Label.DECLARED_AI
    assert settles(files.jpeg(files.exif(ImageDescription=signature, Artist="Jane Doe"))) is None


class TestParameters:
    @pytest.mark.parametrize(
        ("text", "tool"),
        [
            ({"parameters": files.A1111}, "AUTOMATIC1111"),
            (files.comfy(), "ComfyUI"),
            (
                {
                    "invokeai_metadata": json.dumps(
                        {
                            "positive_prompt": "a fox",
                            "seed": 42,
                            "steps": 20,
                            "cfg_scale": 7,
                            "scheduler": "euler",
                            "model": {"model_name": "dream"},
                        }
                    )
                },
                "InvokeAI",
            ),
            (
                {
                    "Software": "NovelAI",
                    "Source": "Stable Diffusion F1022D28",
                    "Description": "a fox",
                    "Comment": json.dumps(
                        {"steps": 28, "sampler": "k_euler", "seed": 42, "scale": 5.0, "uc": "blurry"}
                    ),
                },
                "NovelAI",
            ),
            (
                {
                    "parameters": json.dumps(
                        {
                            "prompt": "a fox",
                            "negative_prompt": "",
                            "base_model": "dream",
                            "base_model_hash": "abc",
                            "sampler": "dpmpp_2m",
                            "scheduler": "karras",
                            "seed": "42",
                            "steps": 30,
                            "guidance_scale": 4.0,
                            "sharpness": 2.0,
                        }
                    )
                },
                "Fooocus",
            ),
            (
                {
                    "parameters": json.dumps(
                        {
                            "sui_image_params": {
                                "prompt": "a fox",
                                "model": "dream",
                                "seed": 42,
                                "steps": 20,
                                "cfgscale": 7,
                            }
                        }
                    )
                },
                None,
            ),
            (
                {
                    "prompt": "a fox",
                    "seed": "42",
                    "num_inference_steps": "30",
                    "guidance_scale": "7.5",
                    "model": "stabilityai/sdxl",
                },
                None,
            ),
        ],
        ids=["automatic1111", "comfyui", "invokeai", "novelai", "fooocus", "swarmui", "diffusers"],
    )
    def test_complete_ones_settle(self, text: dict[str, str], tool: str | None) -> None:
        for packed in (False, True):
            data = files.png(text, packed=packed)
            (statement,) = found(data, Kind.PARAMETERS)
            assert (statement.state, statement.says, statement.where) == (State.STATED, Says.AI, "PNG text")
            assert statement.detail["seed"] == "42"
            assert statement.detail.get("tool") == tool
            assert settles(data) is Label.DECLARED_AI

    @pytest.mark.parametrize(
        "text",
        [
            {"prompt": "a fox in the snow"},
            {"parameters": "a fox in the snow\nSteps: 20"},
            {"parameters": json.dumps({"prompt": "a fox", "seed": 42})},
            {"prompt": "what is on the photo?", "model": "a camera"},
            files.comfy(("4", None)),  # a graph that only loads and saves
            {"prompt": json.dumps({"1": {"class_type": "GeminiNode", "inputs": {}}})},  # nothing saves what it gives
        ],
    )
    def test_incomplete_ones_are_shown_and_settle_nothing(self, text: dict[str, str]) -> None:
        data = files.png(text)
        (statement,) = found(data, Kind.PARAMETERS)
        assert (statement.state, statement.says) == (State.INCOMPLETE, Says.NOTHING)
        assert settles(data) is None

    @pytest.mark.parametrize("text", [{"Comment": "a holiday"}, {"Software": "GIMP"}, {"Description": "Job ID: 12"}])
    def test_ordinary_texts_are_no_parameters(self, text: dict[str, str]) -> None:
        assert not found(files.png(text), Kind.PARAMETERS)

    def test_a_picture_that_was_fed_in_makes_it_an_edit(self) -> None:
        loaded = ("7", {"class_type": "LoadImage", "inputs": {"image": "me.jpg"}})
        into = ("3", {"class_type": "VAEEncode", "inputs": {"pixels": ["7", 0], "vae": ["1", 2]}})
        assert settles(files.png(files.comfy(loaded, into))) is Label.DECLARED_AI_EDIT
        assert settles(files.png(files.comfy(loaded))) is Label.DECLARED_AI
        assert settles(files.png({"parameters": files.A1111 + ", Denoising strength: 0.4"})) is Label.DECLARED_AI_EDIT
        enlarged = files.A1111 + ", Denoising strength: 0.4, Hires upscale: 2"
        assert settles(files.png({"parameters": enlarged})) is Label.DECLARED_AI

    def test_the_prompt_is_kept_for_the_fold(self) -> None:
        (statement,) = found(files.png({"parameters": files.A1111}), Kind.PARAMETERS)
        assert statement.detail["prompt"] == "a fox in the snow"
        assert statement.detail["sampler"] == "Euler a"
        assert "a fox" not in statement.sentence()

    @pytest.mark.parametrize(
        ("code", "encoding"), [(b"UNICODE\0", "utf-16-be"), (b"UNICODE\0", "utf-16-le"), (b"ASCII\0\0\0", "ascii")]
    )
    def test_they_are_found_in_the_user_comment(self, code: bytes, encoding: str) -> None:
        comment = files.exif(files.A1111, code, encoding)
        for data in (files.jpeg(comment), files.other("WEBP", comment)):
            (statement,) = found(data, Kind.PARAMETERS)
            assert (statement.where, statement.detail["model"]) == ("Exif", "dream")
            assert settles(data) is Label.DECLARED_AI

    def test_draw_things_writes_them_into_xmp(self) -> None:
        said = json.dumps({"c": "a fox", "model": "sdxl.ckpt", "sampler": "Euler", "seed": 42, "steps": 20, "scale": 7})
        packet = files.xmp(f"<exif:UserComment><rdf:Alt><rdf:li>{said}</rdf:li></rdf:Alt></exif:UserComment>")
        (statement,) = found(files.png(xmp=packet), Kind.PARAMETERS)
        assert (statement.where, statement.detail["model"]) == ("XMP", "sdxl.ckpt")

    def test_comfyui_writes_them_into_the_exif_of_webp(self) -> None:
        text = files.comfy()
        block = files.exif(Make="workflow:" + text["workflow"], Model="prompt:" + text["prompt"])
        data = files.other("WEBP", block)
        assert settles(data) is Label.DECLARED_AI
        assert not found(data, Kind.CAMERA)

    def test_midjourney_is_known_by_its_job(self) -> None:
        said = "a fox --v 6.1 Job ID: 3f2b8c1e-1111-4222-8333-944455556666"
        assert settles(files.png({"Description": said, "Author": "fox"})) is Label.DECLARED_AI


class TestWrongPlaces:
    """Nothing that lies where the format keeps no metadata is read as a statement."""

    @pytest.mark.parametrize(
        "data",
        [
            files.png() + files.chunk(b"tEXt", b"parameters\0" + files.A1111.encode()),
            files.png() + AI.encode(),
            files.jpeg() + AI.encode(),
            files.jpeg() + files.png(xmp=AI),
            files.segment(files.jpeg(), 0xFE, AI.encode()),  # a comment
            files.segment(files.jpeg(), 0xFE, b"parameters\0" + files.A1111.encode()),
            files.segment(files.jpeg(), 0xE5, b"http://ns.adobe.com/xap/1.0/\0" + AI.encode()),
            files.png({"Comment": AI}),
            files.png({"Title": files.A1111}),
            files.other("WEBP") + b"XMP " + len(AI).to_bytes(4, "little") + AI.encode(),
            files.other("AVIF") + AI.encode(),
        ],
    )
    def test_nothing_is_found(self, data: bytes) -> None:
        assert [s.kind for s in read(data).statements] == [Kind.NOTHING]
        assert settles(data) is None

    def test_a_chunk_with_a_wrong_checksum_is_not_read(self) -> None:
        whole = files.png({"parameters": files.A1111})
        at = whole.index(b"a fox")
        assert settles(whole) is Label.DECLARED_AI
        assert settles(whole[:at] + b"A" + whole[at + 1 :]) is None


class TestHostile:
    """Embedded data is anybody's: every reader fails on its own line."""

    BOMB = (
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    )

    @pytest.mark.parametrize(
        "packet",
        [
            BOMB + AI.partition("?>")[2].replace("trainedAlg", "&c;trainedAlg"),
            BOMB.replace("<!ENTITY a", '<!ENTITY e SYSTEM "file:///etc/passwd"><!ENTITY a') + AI.partition("?>")[2],
            AI[: len(AI) // 2],
            "<x:xmpmeta",
            "\0\0\0",
        ],
    )
    def test_a_bad_packet_is_one_line(self, packet: str) -> None:
        statements = read(files.png({"parameters": files.A1111}, xmp=packet)).statements
        assert [(s.kind, s.state) for s in statements] == [
            (Kind.PARAMETERS, State.STATED),
            (Kind.METADATA, State.UNREADABLE),
        ]

    def test_a_packet_over_the_limit_is_not_read(self) -> None:
        large = files.xmp("<dc:title>" + "x" * 2**20 + "</dc:title>", photoshop_Credit="Made with Google AI")
        assert settles(files.png(xmp=large)) is None

    def test_deep_nesting_ends(self) -> None:
        deep = "<dc:a>" * 50_000 + "</dc:a>" * 50_000
        assert settles(files.png(xmp=files.xmp(deep, photoshop_Credit="Made with Google AI"))) is Label.DECLARED_AI
        assert settles(files.png({"prompt": '{"a":' * 50_000, "parameters": files.A1111})) is Label.DECLARED_AI

    def test_a_text_that_unpacks_without_end_is_not_read(self) -> None:
        assert settles(files.png({"parameters": files.A1111 + "\n" + " " * 2**23}, packed=True)) is None

    def test_every_truncation_and_flipped_byte_gives_some_answer(self) -> None:
        whole = [
            files.jpeg(files.exif(files.A1111, Make="Canon", Model="R5"), AI),
            files.png(files.comfy(), AI),
            files.other("AVIF", files.exif(Make="Canon", Model="R5"), AI),
        ]
        for data in whole:
            for at in range(0, min(len(data), 3000), 41):
                assert read(data[:at]).statements
                assert read(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]).statements

    def test_texts_are_cut_and_hold_no_control_characters(self) -> None:
        text = files.A1111.replace("a fox", "\x1b[31m" + "fox " * 5000)
        (statement,) = found(files.png({"parameters": text}), Kind.PARAMETERS)
        assert len(statement.detail["prompt"]) == 4000
        assert "\x1b" not in statement.detail["prompt"]

    def test_a_reader_that_hangs_or_fails_costs_only_its_line(self) -> None:
        go_on = threading.Event()

        def hanging() -> list[Statement]:
            go_on.wait(60)
            return []

        def failing() -> list[Statement]:
            raise MemoryError

        expected = [Statement(Kind.METADATA, State.UNREADABLE, Says.NOTHING, "XMP")]
        assert guarded(hanging, Kind.METADATA, "XMP", 0.05) == expected
        assert guarded(failing, Kind.METADATA, "XMP", 60) == expected
        go_on.set()


def test_a_stripped_picture_says_so_in_one_line(tmp_path: Path) -> None:
    (statement,) = read(files.jpeg()).statements
    assert (statement.kind, statement.state) == (Kind.NOTHING, State.ABSENT)
    assert "means nothing by itself" in statement.sentence()


def test_a_statement_becomes_the_documented_object() -> None:
    assert read(files.jpeg(xmp=AI)).to_json() == [
        {
            "kind": "metadata",
            "state": "stated",
            "says": "ai_generated",
            "where": "XMP",
            "detail": {"digital source type": "trainedAlgorithmicMedia"},
        }
    ]
