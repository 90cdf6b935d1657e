"""What the benchmark of filters compares: every contender's picture is the right one, written in the same way."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from benchmarks import photos
from benchmarks.document import rewritten
from benchmarks.filters import Figures, Size, Turn, differing, measured, psnr, quality, report
from benchmarks.peers import GRAY, MORE, SEVEN, Contender, Photo, contenders, thumbor_command

ALWAYS = ("Cúmulo", "floor", "plain Pillow")
PEERS = ("plain Pillow", "OpenCV", "libvips", "GraphicsMagick", "ImageMagick", "thumbor", "thumbor as it is")
LAPLACIAN = ("plain Pillow", "GraphicsMagick", "ImageMagick", "thumbor", "thumbor as it is")

ALIKE = 38.0  # dB; what rounding, another cut of the Gaussian and two JPEG encodings may come to
LESS_ALIKE = {
    ("plain Pillow", "pixelate"): 32.0,  # a mean that is weighted towards the middle of the block
    ("libvips", "edges"): 20.0,  # |gx| + |gy| instead of the root of the squares
}


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Photo:
    return Photo.read(photos.make(tmp_path_factory.mktemp("photos"), 1, 320, 240)[0])


@pytest.fixture(scope="module")
def found(photo: Photo) -> Iterator[dict[str, Contender]]:
    with contenders(photo.path.parent) as able:
        yield {contender.name: contender for contender in able}


@pytest.fixture
def peer(found: dict[str, Contender], request: pytest.FixtureRequest) -> Contender:
    if request.param not in found and request.param not in ALWAYS:
        pytest.skip(f"{request.param} is not installed")
    return found[request.param]


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(opened(data).convert("RGB"))


def huffman_bytes(data: bytes) -> int:
    """The length of all Huffman tables of a JPEG file."""
    at, total = 2, 0
    while data[at + 1] != 0xDA:  # the scan begins
        length = int.from_bytes(data[at + 2 : at + 4])
        total += length - 2 if data[at + 1] == 0xC4 else 0
        at += 2 + length
    return total


@pytest.mark.parametrize("peer", PEERS, indirect=True)
@pytest.mark.parametrize("step", [*SEVEN, *MORE])
def test_picture_of_a_peer_is_ours(peer: Contender, found: dict[str, Contender], photo: Photo, step: str) -> None:
    if peer.name.startswith("thumbor") and step in ("sepia", "bw", "pixelate"):
        assert step not in peer.works
        return
    theirs = pixels(peer.works[step](photo))
    if step == "edges" and peer.name in LAPLACIAN:
        ours = laplacian(photo)
        theirs, ours = theirs[16:-16, 16:-16], ours[16:-16, 16:-16]  # they differ about the border
    else:
        ours = pixels(found["Cúmulo"].works[step](photo))
    assert psnr(theirs, ours) >= LESS_ALIKE.get((peer.name, step), ALIKE)


def laplacian(photo: Photo) -> np.ndarray:
    """Eight times each luma less its neighbours, clipped, encoded as everyone does."""
    luma = np.pad(np.asarray(opened(photo.data).convert("L")).astype(int), 1, mode="edge")
    height, width = luma.shape
    around = sum(luma[y : height - 2 + y, x : width - 2 + x] for y in range(3) for x in range(3))
    image = Image.fromarray(np.clip(9 * luma[1:-1, 1:-1] - around, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=90)
    return pixels(buffer.getvalue())


@pytest.mark.parametrize("step", [*SEVEN, *MORE])
def test_floor_is_the_photo_in_the_mode_of_the_result(found: dict[str, Contender], photo: Photo, step: str) -> None:
    floor, ours = (opened(found[name].works[step](photo)) for name in ("floor", "Cúmulo"))
    original = opened(photo.data)
    assert floor.mode == ours.mode == ("L" if step in GRAY else "RGB")
    assert psnr(np.asarray(floor), np.asarray(original.convert(floor.mode))) >= ALIKE


@pytest.mark.parametrize("peer", [*ALWAYS, *PEERS[1:]], indirect=True)
@pytest.mark.parametrize("step", ["gray", "negative"])
def test_everyone_encodes_alike(peer: Contender, found: dict[str, Contender], photo: Photo, step: str) -> None:
    data, ours = (contender.works[step](photo) for contender in (peer, found["Cúmulo"]))
    image, own = opened(data), opened(ours)
    assert "progressive" not in image.info
    assert image.quantization[0] == own.quantization[0]
    if image.mode == "RGB":
        assert JpegImagePlugin.get_sampling(image) == 2  # 4:2:0
    if peer.name == "thumbor as it is":
        assert huffman_bytes(data) != huffman_bytes(found["plain Pillow"].works["negative"](photo))
    else:
        assert huffman_bytes(data) == (208 if image.mode == "L" else 416)  # the tables of the standard


def test_thumbor_runs_where_it_is_installed(found: dict[str, Contender]) -> None:
    assert ("thumbor" in found) == (thumbor_command() is not None)


# -- what is made of the figures --------------------------------------------------------------------------------------


def turn(step: str, number: int, contender: str, cpu: float, size: str = "2 MP") -> Turn:
    return Turn(size, step, number, contender, cpu, 2 * cpu)


def test_ratios_pair_the_turns_of_one_round() -> None:
    figures = Figures(
        [
            *(turn("gray", 0, "Cúmulo", 1.0), turn("gray", 1, "Cúmulo", 3.0)),
            *(turn("gray", 1, "OpenCV", 2.0), turn("gray", 0, "OpenCV", 4.0)),
            turn("gray", 1, "thumbor", 6.0),
        ]
    )
    assert sorted(figures.ratios("2 MP", "gray", "OpenCV")) == [0.25, 1.5]
    assert figures.ratios("2 MP", "gray", "thumbor", "wall") == [0.5]
    assert figures.ratios("2 MP", "sepia", "OpenCV") == []
    assert figures.milliseconds("2 MP", "gray", "Cúmulo") == 2000
    assert math.isnan(figures.milliseconds("2 MP", "sepia", "Cúmulo"))


def test_means_are_geometric_and_over_the_filters_that_a_peer_has() -> None:
    turns = [turn(step, 0, "Cúmulo", 1.0) for step in ("gray", "bw", "blur")]
    turns += [turn("gray", 0, "thumbor", 2.0), turn("bw", 0, "thumbor", 8.0)]
    means, number = Figures(turns).mean(["2 MP"], "thumbor")
    assert means == pytest.approx([0.25])
    assert number == 2


def test_report_of_a_tiny_run(photo: Photo, found: dict[str, Contender]) -> None:
    """From the turns to the document, with those that are always there."""
    sizes = [Size(name, 320, 240, 2, 1) for name in ("2 MP", "12 MP")]
    able = [found[name] for name in ALWAYS]
    turns = list(measured(sizes, {size.name: [photo] for size in sizes}, able))
    assert len(turns) == len(sizes) * len([*SEVEN, *MORE]) * len(able) * 2
    assert all(each.wall > 0 and each.cpu >= 0 for each in turns)
    found_quality = [each for size in sizes for step in SEVEN for each in quality(size.name, step, [photo])]
    section = report(Figures(turns), found_quality, {"plain Pillow": "13"}, 2.0)
    assert "| plain Pillow | **" in section
    assert "it was busy" in section
    for step in (*SEVEN, *MORE):
        assert f"| {step} | " in section


def test_a_section_is_rewritten_between_its_own_marks() -> None:
    marks = [f'<!-- make bench ARGS="{name} --write" writes from here -->' for name in ("one", "two")]
    document = f"before\n{marks[0]}\nold\n<!-- to here -->\nbetween\n{marks[1]}\nold\n<!-- to here -->\nafter"
    written = rewritten(document, "two", "new")
    assert written == document.replace(f"{marks[1]}\nold\n", f"{marks[1]}\n\nnew\n\n")
    assert rewritten(written, "two", "new") == written
    with pytest.raises(ValueError, match="the document has no"):
        rewritten(document, "three", "new")


def test_psnr_and_differing() -> None:
    dark, light = np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)
    assert psnr(dark, dark) == math.inf
    assert psnr(dark, light) == pytest.approx(0)
    assert psnr(dark, dark + 1) == pytest.approx(48.13, abs=0.01)
    light[0, 0] = 127
    assert differing(light, np.full((4, 4), 255, np.uint8)) == 1 / 16


def test_photographs_are_as_many_and_as_large_as_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "FETCHED", tmp_path)
    with pytest.raises(SystemExit, match="9 photographs are missing"):
        photos.real(tmp_path / "made", 1, 300, 200)
    for number, name in enumerate(photos.PHOTOGRAPHS):
        photos.make(tmp_path / name, 1, 400, 320, seed=number)[0].rename(tmp_path / f"{name}.jpg")
    for size in ((300, 200), (900, 700)):  # reduced, and continued by mirror images
        paths = photos.real(tmp_path / "made", 20, *size)
        assert len({path.read_bytes() for path in paths}) == 20
        assert {opened(path.read_bytes()).size for path in paths} == {size}


def test_a_photograph_is_continued_without_a_seam() -> None:
    image = Image.linear_gradient("L").convert("RGB").resize((30, 20))
    large = np.asarray(photos._fitted(image, (70, 45)))
    assert (large[:20, :30] == np.asarray(image)).all()
    assert (large[:, 30:60] == large[:, 29::-1]).all()
    assert (large[20:40] == large[19::-1]).all()
