"""A backup that is no longer what was written is found out, whatever part of it changed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_pipeline.consistency.backup.archive import compress_file, compress_folder, unpack_file, unpack_folder
from vector_pipeline.consistency.backup.errors import BackupDamaged
from vector_pipeline.consistency.backup.restoring import restore_backup
from vector_pipeline.consistency.backup.verifying import verify
from vector_pipeline.errors import PipelineError
from vector_pipeline_tests.consistency.backup.aged_project import AgedProject
from vector_pipeline_tests.sync.exactness import scratch_folder


def files(aged: AgedProject) -> list[Path]:
    return sorted(path for path in aged.backup.rglob("*") if path.is_file())


def flip(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 1
    path.write_bytes(content)


def test_a_whole_backup_is_good(aged: AgedProject) -> None:
    assert verify(aged.backup, aged.project.data) == []


def test_one_flipped_bit_in_any_file_is_found(aged: AgedProject) -> None:
    assert len(files(aged)) == 4
    for path in files(aged):
        whole = path.read_bytes()
        for share in (0.0, 0.3, 0.5, 0.9, 1.0):
            flip(path, share)
            assert verify(aged.backup, aged.project.data), (path.name, share)
            path.write_bytes(whole)


def test_a_file_cut_off_missing_or_added_is_found(aged: AgedProject) -> None:
    for path in files(aged):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        assert verify(aged.backup, aged.project.data), path.name
        path.unlink()
        assert verify(aged.backup, aged.project.data), path.name
        path.write_bytes(whole)
    (aged.backup / "collections" / "more.tar.zst").write_bytes(b"")
    assert verify(aged.backup, aged.project.data) == ["collections/more.tar.zst is not part of the backup"]


def test_a_damaged_backup_is_not_restored(aged: AgedProject) -> None:
    for path in files(aged):
        flip(path, 0.5)
        before = aged.project.snapshot()
        with aged.project.open() as pipeline, pytest.raises(PipelineError):
            restore_backup(pipeline, aged.chosen(), force=True)
        assert aged.project.snapshot() == before
        flip(path, 0.5)


@given(
    st.dictionaries(
        st.lists(st.sampled_from(["a", "b", "c d", "é"]), min_size=1, max_size=3).map("/".join),
        st.binary(max_size=3000) | st.integers(0, 3_000_000).map(bytes),
        max_size=5,
    )
)
@settings(max_examples=30)
def test_a_folder_comes_back_as_it_was_packed(contents: dict[str, bytes]) -> None:
    with scratch_folder() as folder:
        for name, content in contents.items():
            path = folder / "from" / f"{name}.d" / "file"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (folder / "from").mkdir(exist_ok=True)
        compress_folder(folder / "from", folder / "packed")
        unpack_folder(folder / "packed", folder / "to")
        found = {
            path.relative_to(folder / "to").as_posix(): path.read_bytes()
            for path in (folder / "to").rglob("*")
            if path.is_file()
        }
        assert found == {f"{name}.d/file": content for name, content in contents.items()}


def _member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        _member("../out", tarfile.REGTYPE),
        _member("/etc/out", tarfile.SYMTYPE, "/etc/passwd"),
        _member("link", tarfile.SYMTYPE, "../../out"),
        _member("link", tarfile.SYMTYPE, "inside"),
        _member("pipe", tarfile.FIFOTYPE),
        _member("device", tarfile.CHRTYPE),
    ],
    ids=lambda member: f"{member.name}-{member.type.decode()}",
)
def test_an_archive_that_reaches_out_of_its_folder_is_refused(member: tarfile.TarInfo, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(member)
    (tmp_path / "plain").write_bytes(packed.getvalue())
    compress_file(tmp_path / "plain", tmp_path / "packed")
    with pytest.raises(BackupDamaged):
        unpack_folder(tmp_path / "packed", tmp_path / "to")
    assert [path for path in tmp_path.rglob("*") if path.name in ("out", "link", "pipe", "device")] == []


def test_what_is_no_archive_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"not compressed at all")
    with pytest.raises(BackupDamaged):
        unpack_file(tmp_path / "file", tmp_path / "out")
