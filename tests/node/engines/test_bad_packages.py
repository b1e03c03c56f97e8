"""Packages that are damaged or hostile: each is refused in words, and leaves nothing behind."""

import errno
import gzip
import os
import tarfile
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from hotslot.node.engines import ContentInvalidError, EngineError, Limits, NotDeployedError
from hotslot.node.engines.unpacking import unpack
from tests.node.engines.material import (
    KEYS,
    OTHER,
    Site,
    manifest,
    package,
    packed,
    sealed,
    signatures,
)

SET = signatures("Threat", b"a marker of some bytes")
FILES = {"set.json": SET}
HEAD = sealed(manifest(FILES))
GOOD = package()
MARKED = b"here is a marker of some bytes, in a file"
ZEROS = 10 << 30


def entry(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def bomb(head: bytes, size: int) -> Iterator[bytes]:
    """A gzip of `head` and `size` zeros, without packing as many."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    packer.compress(bytes(1 << 20))
    packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, the same input is the same output.
    again = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(size >> 20):
        yield again


def header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def unpacked(data: bytes) -> bytes:
    return gzip.decompress(data)


HEADED = unpacked(packed([HEAD]))[: 512 + -(-len(HEAD[1]) // 512) * 512]

BAD = {
    "empty": (b"", "cut short"),
    "no gzip": (b"no gzip at all", "damaged"),
    "no tar": (gzip.compress(b"x" * 2000), "damaged, or lacks a file"),
    "cut short": (GOOD[: len(GOOD) // 2], "cut short"),
    "without its last byte": (GOOD[:-1], "cut short"),
    "with a changed checksum": (GOOD[:-8] + b"\0" * 8, "damaged"),
    "with something after it": (GOOD + b"x", "more than its manifest lists"),
    "two of them": (GOOD + GOOD, "more than its manifest lists"),
    "an empty tar": (packed([]), "damaged, or lacks a file"),
    "no manifest first": (packed([("set.json", SET), HEAD]), "does not begin with engine.json"),
    "no file": (packed([HEAD]), "lacks a file"),
    "another file": (packed([HEAD, ("other.json", SET)]), "something else in the place of"),
    "a file of another length": (packed([HEAD, ("set.json", SET + b" ")]), "something else"),
    "a changed file": (packed([HEAD, ("set.json", SET[:-1] + b" ")]), r"set\.json .* was changed"),
    "one file more": (packed([HEAD, *FILES.items(), ("more", b"x")]), "more than its manifest"),
    "something after the tar": (
        packed([HEAD, *FILES.items()], more=b"x"),
        "more than its manifest",
    ),
    "climbing out": (packed([HEAD, ("../set.json", SET)]), "a path outside its own folder"),
    "an absolute path": (packed([HEAD, ("/tmp/set.json", SET)]), "a path outside its own folder"),
    "a path below": (packed([HEAD, ("a/set.json", SET)]), "a path outside its own folder"),
    "a path of Windows": (packed([HEAD, ("..\\set.json", SET)]), "a path outside its own folder"),
    "the folder above": (packed([HEAD, ("..", SET)]), "a path outside its own folder"),
    "a symbolic link": (
        packed([HEAD, entry("set.json", tarfile.SYMTYPE, "/etc/passwd")]),
        "a symbolic link",
    ),
    "a hard link": (
        packed([HEAD, entry("set.json", tarfile.LNKTYPE, "engine.json")]),
        "a hard link",
    ),
    "a device": (packed([HEAD, entry("set.json", tarfile.CHRTYPE)]), "a device"),
    "a block device": (packed([HEAD, entry("set.json", tarfile.BLKTYPE)]), "a device"),
    "a pipe": (packed([HEAD, entry("set.json", tarfile.FIFOTYPE)]), "a pipe"),
    "a folder": (packed([HEAD, entry("set.json", tarfile.DIRTYPE)]), "a folder"),
    "a long name": (packed([HEAD, entry("set.json", tarfile.GNUTYPE_LONGNAME)]), "no plain file"),
    "an extended header": (packed([HEAD, entry("set.json", tarfile.XHDTYPE)]), "no plain file"),
    "a sparse file": (packed([HEAD, entry("set.json", tarfile.GNUTYPE_SPARSE)]), "no plain file"),
    "a negative size": (gzip.compress(HEADED + header("set.json", -1)), "has no size"),
    "a name in no alphabet": (
        gzip.compress(HEADED + header("set.json", 1).replace(b"set", b"\xff\xfe\xfd", 1)),
        "damaged",
    ),
    "an unknown key": (packed([sealed(manifest(FILES), OTHER), *FILES.items()]), "not trusted"),
    "a changed manifest": (
        packed([(HEAD[0], HEAD[1].replace(b"Demo", b"Deno")), *FILES.items()]),
        "changed after it was signed",
    ),
    "a file twice": (
        packed([sealed(manifest(FILES, files=manifest(FILES)["files"] * 2)), *FILES.items()]),
        "lists a file twice",
    ),
    "a second manifest": (
        packed([sealed(manifest({"engine.json": b"x"})), ("engine.json", b"x")]),
        "lists a file twice",
    ),
    "no signature set": (
        packed([sealed(manifest({"a": b"x"})), ("a", b"x")]),
        "no signature set",
    ),
    "a manifest without end": (
        gzip.compress(header("engine.json", 1 << 40)),
        r"engine\.json is too large",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_package_is_refused_and_the_good_one_stays(site: Site, name: str):
    site.upload(package("Before"))
    data, complaint = BAD[name]
    with pytest.raises(ContentInvalidError, match=complaint):
        site.upload(data)
    assert (site.row()["state"], site.row()["active"]) == ("production", True)
    assert site.found(MARKED) == ("Before",)
    assert site.leftovers() == []
    assert not (site.data / "set.json").exists()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_package_from_the_source_has_a_state_and_a_reason(site: Site, name: str):
    data, complaint = BAD[name]
    site.offer({"demo": data})
    check = site.update()
    assert check.outcome == "content invalid"
    assert check.reason is not None
    assert check.reason.startswith("demo: ")
    assert (site.row()["state"], site.row()["active"]) == ("content invalid", False)
    assert check.reason == f"demo: {site.row()['reason']}"
    with pytest.raises(ContentInvalidError, match=complaint):
        raise ContentInvalidError(site.row()["reason"])
    assert site.leftovers() == []


def test_the_good_one_is_good(site: Site):
    """Or the others might be refused for something else."""
    assert site.upload(GOOD) == "demo"
    assert site.found(MARKED) == ("Threat",)


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        (b"", "damaged, or lacks a file"),
        (header("engine.json", ZEROS), "too large"),
        (HEADED + header("set.json", ZEROS), "something else in the place of"),
        (unpacked(GOOD), "more than its manifest lists"),
        (
            unpacked(
                packed(
                    [
                        sealed(
                            manifest({}, files=[{"name": "a", "size": ZEROS, "sha256": "00" * 32}])
                        )
                    ]
                )
            )[:1024],
            "would take 10737418240 bytes unpacked",
        ),
    ],
)
def test_ten_gigabytes_of_zeros_are_given_up_at_once(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes, complaint: str
):
    path = tmp_path / "bomb"
    with path.open("wb") as file:
        file.writelines(bomb(head, ZEROS))
    assert path.stat().st_size < 16 << 20
    inflated = 0
    real = zlib.decompressobj

    class Counting:
        def __init__(self, *, wbits: int) -> None:
            self._real = real(wbits=wbits)

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

        def decompress(self, data: bytes, size: int) -> bytes:
            nonlocal inflated
            piece = self._real.decompress(data, size)
            inflated += len(piece)
            return piece

    monkeypatch.setattr("hotslot.node.engines.unpacking.zlib.decompressobj", Counting)
    data = path.read_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(ContentInvalidError, match=complaint):
            site.upload(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < inflated < 1 << 20
    assert peak < 2 << 20
    assert site.leftovers() == []


def test_files_as_large_as_their_manifest_says_take_no_memory(tmp_path: Path):
    data = os.urandom(1 << 20) * 16
    (tmp_path / "package").write_bytes(packed([sealed(manifest({"a": data})), ("a", data)]))
    (tmp_path / "into").mkdir()
    tracemalloc.start()
    try:
        unpack(tmp_path / "package", tmp_path / "into", KEYS, Limits())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "into" / "a").read_bytes() == data
    assert peak < 1 << 20


def test_there_is_a_limit_to_files_and_bytes(tmp_path: Path):
    limits = Limits(unpacked_bytes=len(SET), files=1, package_bytes=len(GOOD))
    site = Site(tmp_path, limits)
    assert site.upload(GOOD) == "demo"
    with pytest.raises(ContentInvalidError, match="has 2 files, and 1 are the most"):
        site.upload(packed([sealed(manifest({"a": b"", "b": b""}))]))
    with pytest.raises(ContentInvalidError, match="bytes unpacked, and"):
        site.upload(packed([sealed(manifest({"a": SET + b" "}))]))
    with pytest.raises(ContentInvalidError, match=r"has more than \d+ bytes, and is not taken"):
        site.upload(GOOD + b"x")


def test_a_package_larger_than_the_limit_is_not_even_asked_for(tmp_path: Path):
    site = Site(tmp_path, Limits(package_bytes=10))
    site.offer({"demo": GOOD})
    (site.source / "demo.engine").unlink()
    assert site.update().outcome == "content invalid"
    assert "10 are the most that is taken" in site.row()["reason"]


def break_disk(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """No file of a package can be unpacked to its end."""

    def fsync(_: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("hotslot.node.engines.unpacking.os", SimpleNamespace(fsync=fsync))


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EIO"])
def test_a_full_disk_at_deployment_leaves_the_last_good_version(
    site: Site, monkeypatch: pytest.MonkeyPatch, name: str
):
    site.engine(b"first marker", version="1")
    site.publish()
    assert site.update().outcome == "done"
    site.engine(b"second marker", version="2")
    site.publish()
    with monkeypatch.context() as patch:
        break_disk(patch, getattr(errno, name))
        check = site.update()
    said = "disk is full" if name != "EIO" else "may write to its data directory"
    assert said in str(check.reason)
    row = site.row()
    assert (row["state"], row["active"], row["eng_ver"]) == ("downloaded", True, "1")
    assert said in row["reason"]
    assert site.found(b"first marker second marker") == ("Threat-1",)
    assert not list(site.data.glob("deployed/.*"))

    # What was downloaded is not asked for again, once there is room.
    for path in site.source.glob("*.engine"):
        path.unlink()
    assert site.update().outcome == "done"
    assert site.found(b"first marker second marker") == ("Threat-2",)
    assert site.leftovers() == []


def test_a_full_disk_at_an_upload_is_told(site: Site, monkeypatch: pytest.MonkeyPatch):
    break_disk(monkeypatch, errno.ENOSPC)
    with pytest.raises(NotDeployedError, match="disk is full"):
        site.upload(GOOD)
    assert site.engines.listing() == []
    assert site.leftovers() == []


def test_a_full_disk_while_downloading_is_told(site: Site, monkeypatch: pytest.MonkeyPatch):
    async def full(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("hotslot.node.engines.updating.store", full)
    site.offer({"demo": GOOD})
    assert site.update().outcome == "download failed"
    assert site.row()["state"] == "download failed"
    assert "disk is full" in site.row()["reason"]
    monkeypatch.undo()
    monkeypatch.setattr("hotslot.node.engines.manager.store", full)
    with pytest.raises(EngineError, match="disk is full"):
        site.upload(GOOD)
