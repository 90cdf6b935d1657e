"""Where images lie: content-addressed, nothing half-written, and the same from another PC."""

from __future__ import annotations

import hashlib
import io
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import filters
from cluster import storage
from cluster.errors import NotFound, StoreError, StoreFull
from cluster.intake import receive
from cluster.storage import FolderStore, Store, TooLong, WebStore, nothing_to_check
from tests.servers import unused_port

DATA = b"some bytes that stand for an image" * 1000
SHA = hashlib.sha256(DATA).hexdigest()
LIMIT = 10**6
TOKEN = "node-token"


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "blobs")


def blobs(store: FolderStore) -> list[str]:
    """Everything that lies in the store's folder but for its identity."""
    found = [path for path in store.root.rglob("*") if path.is_file()] if store.root.exists() else []
    return sorted(path.name for path in found if path.name != ".store-id")


# -- both stores ----------------------------------------------------------------------------------------------------


class BlobRoute(BaseHTTPRequestHandler):
    """The web app's internal blob route over a folder, as a node sees it."""

    protocol_version = "HTTP/1.1"
    store: FolderStore

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _allowed(self) -> str | None:
        """The hash that is asked for, if the token is right."""
        prefix, _, name = self.path.rpartition("/")
        if self.headers["Authorization"] != f"Bearer {TOKEN}" or prefix != "/internal/blobs":
            self._answer(401)
            return None
        return name

    def do_GET(self) -> None:
        if name := self._allowed():
            try:
                self._answer(200, self.store.get(name))
            except NotFound:
                self._answer(404)

    def do_POST(self) -> None:
        self._answer(204 if self.path == "/internal/tidy" else 404)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if name := self._allowed():
            self._answer(204 if self.store.put(body) == name else 409)


@contextmanager
def served(folder: FolderStore, route: type[BlobRoute] = BlobRoute) -> Iterator[str]:
    handler = type("Route", (route,), {"store": folder})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(params=["folder", "web"])
def store(request: pytest.FixtureRequest, folder: FolderStore) -> Iterator[Store]:
    if request.param == "folder":
        yield folder
        return
    with served(folder) as url:
        web = WebStore(url, TOKEN)
        yield web
        web._http.close()


def test_what_is_put_in_comes_back(store: Store) -> None:
    assert store.put(DATA) == SHA
    assert store.get(SHA) == DATA
    with store.open(SHA) as stream:
        assert stream.read() == DATA


def test_the_same_bytes_lie_there_once(store: Store, folder: FolderStore) -> None:
    for _ in range(2):
        assert store.put(DATA) == SHA
        assert store.add(io.BytesIO(DATA), LIMIT, nothing_to_check) == (SHA, len(DATA), None)
    assert blobs(folder) == [SHA]


def test_an_upload_is_checked_before_it_is_kept(store: Store, folder: FolderStore) -> None:
    assert store.add(io.BytesIO(DATA), LIMIT, lambda stream: stream.read(4)) == (SHA, len(DATA), b"some")

    def refuse(_: object) -> None:
        raise filters.BrokenImage("it is cut short")

    with pytest.raises(filters.BrokenImage):
        store.add(io.BytesIO(b"other bytes"), LIMIT, refuse)
    assert blobs(folder) == [SHA]


def test_more_bytes_than_allowed_leave_nothing(store: Store, folder: FolderStore) -> None:
    with pytest.raises(TooLong, match="more than 100 bytes"):
        store.add(io.BytesIO(DATA), 100, nothing_to_check)
    assert blobs(folder) == []
    assert store.add(io.BytesIO(b"x" * 100), 100, nothing_to_check)[1] == 100


def test_an_image_that_is_gone_is_not_found(store: Store, folder: FolderStore) -> None:
    folder.identity()
    for read in (store.get, store.open):
        with pytest.raises(NotFound, match="gone"):
            read(SHA)


@pytest.mark.parametrize(
    "name", ["", "..", "../../etc/passwd", "a" * 63, "a" * 65, SHA.upper(), SHA + "\n", f"{SHA[:-3]}/..", "g" * 64]
)
def test_a_name_that_is_no_hash_never_becomes_a_path(store: Store, name: str) -> None:
    for read in (store.get, store.open):
        with pytest.raises(NotFound, match="no SHA-256"):
            read(name)


# -- the folder -----------------------------------------------------------------------------------------------------


def test_the_folder_is_private_to_its_owner(folder: FolderStore) -> None:
    folder.add(io.BytesIO(DATA), LIMIT, nothing_to_check)
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_a_stream_that_breaks_leaves_nothing(folder: FolderStore) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise ConnectionResetError("the client went away")

    with pytest.raises(StoreError):
        folder.add(Broken(), LIMIT, nothing_to_check)
    assert blobs(folder) == []


def test_many_writers_of_one_image_agree(folder: FolderStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(folder.put, DATA) for _ in range(20)]
        jobs += [pool.submit(lambda: folder.add(io.BytesIO(DATA), LIMIT, nothing_to_check)[0]) for _ in range(20)]
        assert {job.result() for job in jobs} == {SHA}
    assert blobs(folder) == [SHA]
    assert folder.get(SHA) == DATA


def test_a_store_has_one_identity_whoever_asks_first(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def ask() -> str:
        store = FolderStore(tmp_path / "blobs")
        start.wait()
        return store.identity()

    with ThreadPoolExecutor(8) as pool:
        found = {future.result() for future in [pool.submit(ask) for _ in range(8)]}
    assert len(found) == 1
    assert len(found.pop()) == 32
    assert FolderStore(tmp_path / "other").identity() != FolderStore(tmp_path / "blobs").identity()
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == [".store-id"]


def test_a_folder_that_cannot_be_used_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = FolderStore(tmp_path / "file")
    for write in (
        store.identity,
        lambda: store.put(DATA),
        lambda: store.add(io.BytesIO(DATA), LIMIT, nothing_to_check),
    ):
        with pytest.raises(StoreError, match="cannot"):
            write()
    with pytest.raises(StoreError, match="cannot read"):
        store.get(SHA)


# -- the web app's route --------------------------------------------------------------------------------------------


def test_a_wrong_node_token_is_a_store_error(folder: FolderStore) -> None:
    with served(folder) as url:
        web = WebStore(url, "wrong")
        with pytest.raises(StoreError, match="answered 401"):
            web.put(DATA)
        with pytest.raises(StoreError, match="answered 401"):
            web.get(SHA)
        web._http.close()
    assert blobs(folder) == []


def test_the_web_app_is_asked_to_tidy(folder: FolderStore) -> None:
    with served(folder) as url:
        web = WebStore(url, TOKEN)
        web.tidy()
        web._http.close()
    with pytest.raises(StoreError, match="cannot reach"):
        WebStore(f"http://127.0.0.1:{unused_port()}", TOKEN).tidy()


def test_a_web_app_that_does_not_answer_is_a_store_error() -> None:
    web = WebStore(f"http://127.0.0.1:{unused_port()}", TOKEN)
    with pytest.raises(StoreError, match="cannot reach the web app's store at http://127"):
        web.get(SHA)
    web._http.close()


# -- intake ---------------------------------------------------------------------------------------------------------

LIMITS = filters.Limits(max_bytes=100_000, max_pixels=10_000)


def picture(size: tuple[int, int] = (40, 30), format: str = "png") -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, format)
    return file.getvalue()


def test_an_upload_is_known_by_its_content_and_not_by_its_name(folder: FolderStore) -> None:
    data = picture(format="webp")
    upload = receive(folder, LIMITS, io.BytesIO(data), "photo.jpg")
    assert (upload.name, upload.bytes, upload.sha256) == ("photo.jpg", len(data), hashlib.sha256(data).hexdigest())
    assert upload.to_json() == {
        "sha256": upload.sha256,
        "bytes": len(data),
        "width": 40,
        "height": 30,
        "format": "webp",
    }
    assert folder.get(upload.sha256) == data


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", filters.FilterError, ""),
        (b"this is a text", filters.UnsupportedFormat, "JPEG"),
        (picture()[:20], filters.BrokenImage, ""),
        (picture((200, 100)), filters.ImageTooLarge, "pixel"),
        (b"\0" * 100_001, filters.ImageTooLarge, "larger than"),
    ],
    ids=["empty", "text", "cut short", "too many pixels", "too many bytes"],
)
def test_a_refused_upload_says_why_and_leaves_nothing(
    folder: FolderStore, data: bytes, error: type[filters.FilterError], words: str
) -> None:
    with pytest.raises(error) as caught:
        receive(folder, LIMITS, io.BytesIO(data), "photo.png")
    assert words.lower() in caught.value.detail.lower()
    assert len(caught.value.detail) > 10
    assert blobs(folder) == []


def test_a_very_long_name_is_cut_at_its_beginning(folder: FolderStore) -> None:
    assert receive(folder, LIMITS, io.BytesIO(picture()), "x" * 500 + ".png").name == "x" * 251 + ".png"


def test_a_folder_that_is_not_mounted_is_no_missing_image(folder: FolderStore) -> None:
    folder.put(DATA)
    folder.root.rename(folder.root.with_name("unmounted"))
    with pytest.raises(StoreError, match="is its disk mounted"):
        folder.get(SHA)


def test_what_the_web_app_says_of_its_store_is_passed_on(folder: FolderStore) -> None:
    def full(self: BlobRoute) -> None:
        self._answer(507, b'{"detail": "The disk for images is full"}')

    handler = type("Route", (BlobRoute,), {"store": folder, "do_GET": full})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        web = WebStore(f"http://127.0.0.1:{server.server_port}", TOKEN)
        with pytest.raises(StoreFull, match="answered 507: The disk for images is full"):
            web.get(SHA)
        web._http.close()
        server.shutdown()
        thread.join()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_leaves_nothing_behind_and_says_so(folder: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.identity()

    def write_to_full_device(path: str, data: bytes) -> int:
        Path(path).touch()
        with open("/dev/full", "wb", buffering=0) as full:
            return full.write(data)

    monkeypatch.setattr(storage, "_write", write_to_full_device)
    with pytest.raises(StoreError, match="No space left on device") as caught:
        folder.put(DATA)
    assert isinstance(caught.value.__cause__, OSError), "by which the web app knows that it is a 507"
    assert blobs(folder) == []
