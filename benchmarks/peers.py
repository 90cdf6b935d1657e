"""The filters as other libraries and programs have them, each in the way that its documentation or its users write it.

Every contender gets a JPEG file and returns one: quality 90, 4:2:0, baseline, the standard Huffman tables, one thread.
What a contender has no filter for is left out. Edges are not the same everywhere: OpenCV and libvips have Sobel, as we
do; the others have a Laplacian, which is what their users take.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.metadata
import importlib.util
import io
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

import filters
from benchmarks.document import ROOT
from benchmarks.plain_pool import QUALITY, SEPIA, sepia
from filters import memory

SEVEN = ("gray", "sepia", "negative", "bw", "blur", "edges", "pixelate")
MORE = ("blur:radius=4", "gray:amount=0.5")
GRAY = ("gray", "bw", "edges")
"""Those that leave one channel."""

BLOCK = 16
READY_SECONDS = 20
KEPT_MEGABYTES = memory.MEGABYTES
"""As the nodes of a cluster have it (cluster/celery.py); all contenders in this process have the good of it."""

# libvips and OpenMP read these when they are loaded.
ONE_THREAD = {"VIPS_CONCURRENCY": "1", "OMP_NUM_THREADS": "1", "MAGICK_THREAD_LIMIT": "1"}
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": f"{KEPT_MEGABYTES * 2**20}", "MALLOC_MMAP_THRESHOLD_": f"{32 * 2**20}"}
"""What `memory.keep` sets, for the programs that run by themselves."""

LUMA = (0.299, 0.587, 0.114)
HALF_GRAY = tuple(tuple(0.5 * weight + 0.5 * (row == column) for column, weight in enumerate(LUMA)) for row in range(3))


@dataclass(frozen=True)
class Photo:
    path: Path
    data: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Photo:
        return cls(path, path.read_bytes())


Work = Callable[[Photo], bytes]


@dataclass(frozen=True)
class Contender:
    """`works` by step, such as "blur:radius=4"; `cpu()` is the CPU time in seconds that its process has used.

    A `dear` one takes so long that it has fewer turns on large photos.
    """

    name: str
    version: str
    works: Mapping[str, Work]
    cpu: Callable[[], float] = time.process_time
    dear: bool = False


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """This process and what it starts on one core and with one thread, and memory kept as a node keeps it."""
    os.environ.update(ONE_THREAD)
    memory.keep(KEPT_MEGABYTES)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def contenders(folder: Path) -> Iterator[list[Contender]]:
    """All that are installed, ours and the floor first; of the others is printed how to install them.

    `folder` holds the photos.
    """
    found = [ours(), floor(), pillow()]
    for module, package, make in (("cv2", "OpenCV", opencv), ("pyvips", "libvips", libvips)):
        if importlib.util.find_spec(module):
            found.append(make())
        else:
            print(f"SKIPPED {package}, not installed: make bench-peers")
    with contextlib.ExitStack() as stack:
        for command, package, make in (
            (graphicsmagick_command(), "GraphicsMagick", graphicsmagick),
            (imagemagick_command(), "ImageMagick", imagemagick),
        ):
            if command:
                out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cumulo-bench-")))
                found.append(make(command, out))
            else:
                print(f"SKIPPED {package}, not installed: apt install {package.lower()}")
        program = thumbor_command()
        if program:
            found.append(stack.enter_context(thumbor(program, folder, "thumbor", "benchmarks.thumbor_engine")))
            found.append(stack.enter_context(thumbor(program, folder, "thumbor as it is", "thumbor.engines.pil")))
        else:
            print("SKIPPED thumbor, not installed: make bench-peers")
        yield found


# -- Pillow -----------------------------------------------------------------------------------------------------------


def ours() -> Contender:
    def work(step: str) -> Work:
        pipeline = filters.parse_pipeline([step])
        return lambda photo: filters.apply(photo.data, pipeline, quality=QUALITY).data

    return Contender("Cúmulo", "", {step: work(step) for step in (*SEVEN, *MORE)})


def floor() -> Contender:
    """Decode and encode alone, in the mode that the result has."""

    def colour(photo: Photo) -> bytes:
        return _saved(_opened(photo))

    def gray(photo: Photo) -> bytes:
        image = _opened(photo)
        image.draft("L", image.size)
        return _saved(image)

    return Contender("floor", "", {step: gray if step in GRAY else colour for step in (*SEVEN, *MORE)})


def pillow() -> Contender:
    """Plain Pillow as people write it."""

    def work(change: Callable[[Image.Image], Image.Image]) -> Work:
        return lambda photo: _saved(change(_opened(photo)))

    changes: dict[str, Callable[[Image.Image], Image.Image]] = {
        "gray": ImageOps.grayscale,
        "gray:amount=0.5": lambda image: ImageEnhance.Color(image).enhance(0.5),
        "sepia": sepia,
        "negative": ImageOps.invert,
        "bw": lambda image: ImageOps.grayscale(image).point(lambda level: 255 if level >= 128 else 0),
        "edges": lambda image: ImageOps.grayscale(image).filter(ImageFilter.FIND_EDGES),
        "pixelate": _pixelated,
        **{step: lambda image, r=radius: image.filter(ImageFilter.GaussianBlur(r)) for step, radius in _blurs()},
    }
    version = importlib.metadata.version("pillow")
    return Contender("plain Pillow", version, {step: work(change) for step, change in changes.items()})


def _opened(photo: Photo) -> Image.Image:
    return Image.open(io.BytesIO(photo.data))


def _saved(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=QUALITY)
    return buffer.getvalue()


def _pixelated(image: Image.Image) -> Image.Image:
    small = image.resize((image.width // BLOCK, image.height // BLOCK), Image.Resampling.BILINEAR)
    return small.resize(image.size, Image.Resampling.NEAREST)


def _blurs() -> Iterator[tuple[str, float]]:
    """Each blur's step, and its standard deviation."""
    for step in (*SEVEN, *MORE):
        if step.startswith("blur"):
            yield step, float(step.partition("=")[2] or 2)


# -- OpenCV and libvips -----------------------------------------------------------------------------------------------


def opencv() -> Contender:
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    settings = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    matrix = np.array([row[::-1] for row in SEPIA[::-1]], np.float32)  # its channels are blue, green, red

    def work(change: Callable[[np.ndarray], np.ndarray], gray: bool) -> Work:
        mode = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR

        def run(photo: Photo) -> bytes:
            image = cv2.imdecode(np.frombuffer(photo.data, np.uint8), mode)
            return cv2.imencode(".jpg", change(image), settings)[1].tobytes()

        return run

    def half_gray(image: np.ndarray) -> np.ndarray:
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return cv2.addWeighted(image, 0.5, gray, 0.5, 0)

    def edges(image: np.ndarray) -> np.ndarray:
        x = cv2.Sobel(image, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REPLICATE)
        y = cv2.Sobel(image, cv2.CV_32F, 0, 1, borderType=cv2.BORDER_REPLICATE)
        return cv2.convertScaleAbs(cv2.magnitude(x, y))

    def pixelated(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        small = cv2.resize(image, (width // BLOCK, height // BLOCK), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)

    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "gray": lambda image: image,
        "gray:amount=0.5": half_gray,
        "sepia": lambda image: cv2.transform(image, matrix),
        "negative": cv2.bitwise_not,
        "bw": lambda image: cv2.threshold(image, 127, 255, cv2.THRESH_BINARY)[1],
        "edges": edges,
        "pixelate": pixelated,
        **{
            step: lambda image, r=radius: cv2.GaussianBlur(image, (0, 0), r, borderType=cv2.BORDER_REPLICATE)
            for step, radius in _blurs()
        },
    }
    works = {step: work(change, step in GRAY) for step, change in changes.items()}
    return Contender("OpenCV", importlib.metadata.version("opencv-python-headless"), works)


def libvips() -> Contender:
    import pyvips

    pyvips.cache_set_max(0)  # or the second round would find the result of the first

    def work(change: Callable[[pyvips.Image], pyvips.Image]) -> Work:
        def run(photo: Photo) -> bytes:
            image = pyvips.Image.new_from_buffer(photo.data, "", access="sequential")
            return change(image).jpegsave_buffer(Q=QUALITY, subsample_mode="on", keep="none")

        return run

    def recombined(image: pyvips.Image, rows: object) -> pyvips.Image:
        return image.recomb(rows).cast("uchar")

    def luma(image: pyvips.Image) -> pyvips.Image:
        return recombined(image, [list(LUMA)]).copy(interpretation="b-w")

    changes: dict[str, Callable[[pyvips.Image], pyvips.Image]] = {
        "gray": luma,
        "gray:amount=0.5": lambda image: recombined(image, [list(row) for row in HALF_GRAY]),
        "sepia": lambda image: recombined(image, [list(row) for row in SEPIA]),
        "negative": lambda image: image.invert(),
        "bw": lambda image: (image.recomb([list(LUMA)]) >= 127.5).copy(interpretation="b-w"),
        "edges": lambda image: luma(image).sobel(),
        "pixelate": lambda image: image.shrink(BLOCK, BLOCK).zoom(BLOCK, BLOCK),
        **{step: lambda image, r=radius: image.gaussblur(r) for step, radius in _blurs()},
    }
    version = ".".join(str(pyvips.version(part)) for part in range(3))
    return Contender("libvips", version, {step: work(change) for step, change in changes.items()})


# -- commands ---------------------------------------------------------------------------------------------------------


def graphicsmagick_command() -> str | None:
    return shutil.which("gm")


def imagemagick_command() -> str | None:
    """Debian's `convert` may be a link to it, or somebody's wrapper around it."""
    return shutil.which("magick") or shutil.which("convert-im6.q16") or shutil.which("convert")


def graphicsmagick(program: str, out: Path) -> Contender:
    gray = ["-colorspace", "gray"]
    options = {
        "gray": gray,
        "gray:amount=0.5": ["-recolor", _listed(HALF_GRAY)],
        "sepia": ["-recolor", _listed(SEPIA)],
        "negative": ["-negate"],
        "bw": [*gray, "-threshold", "50%"],
        "edges": [*gray, "-edge", "1"],
        "pixelate": ["-scale", f"{100 / BLOCK}%", "-sample", f"{100 * BLOCK}%"],
        **{step: ["-blur", f"0x{radius:g}"] for step, radius in _blurs()},
    }
    written = ["-quality", str(QUALITY), "-sampling-factor", "2x2", "-define", "jpeg:optimize-coding=false"]
    version = subprocess.check_output([program, "version"], text=True).split()[1]
    return _command("GraphicsMagick", version, [program, "convert"], options, written, out)


def imagemagick(program: str, out: Path) -> Contender:
    gray = ["-grayscale", "Rec601Luma"]
    options = {
        "gray": gray,
        "gray:amount=0.5": ["-color-matrix", _listed(HALF_GRAY)],
        "sepia": ["-color-matrix", _listed(SEPIA)],
        "negative": ["-negate"],
        "bw": [*gray, "-threshold", "50%"],
        "edges": [*gray, "-edge", "1"],
        "pixelate": ["-scale", f"{100 / BLOCK}%", "-sample", f"{100 * BLOCK}%"],
        **{step: ["-blur", f"0x{radius:g}"] for step, radius in _blurs()},
    }
    written = ["-quality", str(QUALITY), "-sampling-factor", "4:2:0", "-define", "jpeg:optimize-coding=false"]
    version = subprocess.check_output([program, "-version"], text=True).split()[2]
    return _command("ImageMagick", version, [program], options, written, out)


def _listed(matrix: tuple[tuple[float, ...], ...]) -> str:
    return ",".join(f"{value:g}" for row in matrix for value in row)


def _command(
    name: str, version: str, program: list[str], options: Mapping[str, list[str]], written: list[str], out: Path
) -> Contender:
    environment = os.environ | ONE_THREAD | KEEP_MEMORY
    result = out / "result.jpg"

    def work(change: list[str]) -> Work:
        def run(photo: Photo) -> bytes:
            subprocess.run([*program, str(photo.path), *change, *written, str(result)], check=True, env=environment)
            return result.read_bytes()

        return run

    return Contender(name, version, {step: work(change) for step, change in options.items()}, _children_cpu, dear=True)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


# -- thumbor ----------------------------------------------------------------------------------------------------------


def thumbor_command() -> str | None:
    return shutil.which(str(ROOT / ".venv-thumbor/bin/thumbor")) or shutil.which("thumbor")


@contextlib.contextmanager
def thumbor(program: str, folder: Path, name: str, engine: str) -> Iterator[Contender]:
    """A server of one process that reads the photos from the folder; the CPU time is the server's."""
    laplacian = "convolution(-1;-1;-1;-1;8;-1;-1;-1;-1,3,false)"
    line = "[(0,0),(255,255)]"
    urls = {
        "gray": "grayscale()",
        "gray:amount=0.5": "saturation(0.5)",
        "negative": f"curve([(0,255),(255,0)],{line},{line},{line})",
        "edges": f"grayscale():{laplacian}",
        **{step: f"blur({2 * radius:g},{radius:g})" for step, radius in _blurs()},
    }
    settings = {
        "LOADER": "thumbor.loaders.file_loader",
        "FILE_LOADER_ROOT_PATH": str(folder),
        "STORAGE": "thumbor.storages.no_storage",
        "ENGINE": engine,
        "PROGRESSIVE_JPEG": False,
        "QUALITY": QUALITY,
    }
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as scratch:
        conf = Path(scratch) / "thumbor.conf"
        conf.write_text("".join(f"{key} = {value!r}\n" for key, value in settings.items()))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [program, "--ip", "127.0.0.1", "--port", str(port), "--conf", str(conf), "--log-level", "critical"],
            env=os.environ | KEEP_MEMORY | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

        def work(change: str) -> Work:
            def run(photo: Photo) -> bytes:
                connection.request("GET", f"/unsafe/filters:{change}/{photo.path.name}")
                answer = connection.getresponse()
                data = answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"thumbor answered {answer.status} to {change}")
                return data

            return run

        try:
            _await(port, server)
            version = subprocess.check_output([program, "--version"], text=True).split()[1].lstrip("v")
            works = {step: work(change) for step, change in urls.items()}
            yield Contender(name, version, works, lambda: _cpu_of(server.pid), dear=True)
        finally:
            connection.close()
            server.terminate()
            server.wait()


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError("thumbor did not come up") from None
            time.sleep(0.05)


def _cpu_of(pid: int) -> float:
    """CPU time of a process, as `clock_getcpuclockid` has it (Linux): to the nanosecond, where psutil has 10 ms."""
    return time.clock_gettime(~pid << 3 | 2)
