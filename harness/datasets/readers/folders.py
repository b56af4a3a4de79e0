"""The files of a collection in a folder or a zip archive, found by name and read in place, also through gzip."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from harness.errors import DataError, Place, UserError, nearest, relative
from harness.fingerprint import stamp

GZIP = b"\x1f\x8b"
"""The first bytes of a gzip file."""
IGNORED = "__MACOSX"
"""A folder that macOS adds to every archive."""


class File(NamedTuple):
    """A file on disk, or a member of an archive on disk."""

    path: Path
    member: str = ""

    def __str__(self) -> str:
        """Return the path relative to the working directory; a member follows its archive."""
        return f"{relative(self.path)}/{self.member}" if self.member else relative(self.path)

    @property
    def name(self) -> str:
        """The name without its folder."""
        return (self.member or self.path.name).rsplit("/", 1)[-1]

    @property
    def extension(self) -> str:
        """The extension in lower case, without a dot and without `.gz`."""
        return Path(self.name.lower().removesuffix(".gz")).suffix.removeprefix(".")

    @property
    def stamp(self) -> list[str | int]:
        """Values that differ if the file may have changed, found without reading it."""
        return [*stamp(self.path), self.member]

    def refuse(self, message: str, line: int | None = None) -> DataError:
        """Return a DataError with this message about the file or one of its lines."""
        return DataError(message, Place(str(self), line))

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the file for reading its uncompressed bytes; gzip is recognised by content, not by name."""
        with self._raw() as raw:
            if raw.peek(2)[:2] != GZIP:  # type: ignore[attr-defined]
                yield raw
                return
            with gzip.open(raw) as unpacked:
                yield cast("IO[bytes]", unpacked)

    @contextmanager
    def _raw(self) -> Iterator[IO[bytes]]:
        if not self.member:
            with self.path.open("rb") as file:
                yield file
            return
        with _archive(self.path) as archive, archive.open(self.member) as file:
            yield file


class Folder(NamedTuple):
    """A folder on disk, or one inside an archive."""

    path: Path
    """The folder or the archive."""
    inside: str | None = None
    """The path of the folder inside the archive, "" for its root; None for a folder on disk."""

    @classmethod
    def at(cls, path: Path) -> Folder:
        """Return a folder on disk, an archive, or a folder inside an archive (`docs.zip/part`).

        An archive with a single folder at its root stands for that folder. UserError, with the names that exist, if
        there is none.
        """
        if path.is_dir():
            return cls(path)
        for place in (path, *path.parents):
            if place.is_file():
                inside = "" if place == path else path.relative_to(place).as_posix()
                if not zipfile.is_zipfile(place):
                    raise UserError(f"{relative(place)} is a file; expected the folder of a collection or a zip of one")
                return cls(place, inside)._within(inside)
            if place.is_dir():
                missing = path.parts[len(place.parts)]
                siblings = [other.name for other in place.iterdir() if other.is_dir() or other.suffix == ".zip"]
                raise UserError(f"the folder {missing} is not in {relative(place)}; {nearest(missing, siblings)}")
        raise UserError(f"the folder {path} does not exist")

    def _within(self, inside: str) -> Folder:
        """Check that the archive has that folder, and descend while it has nothing but one folder."""
        folder = self
        while True:
            names = folder.names()
            if not names:
                folders = _folders(Folder(self.path, "").names())
                raise UserError(f"there is no file in {folder}; {nearest(inside, folders)}")
            if any("/" not in name for name in names) or len(_folders(names)) > 1:
                return folder
            folder = Folder(self.path, f"{folder.inside}/{_folders(names)[0]}".removeprefix("/"))

    def __str__(self) -> str:
        """Return the path relative to the working directory."""
        return f"{relative(self.path)}/{self.inside}" if self.inside else relative(self.path)

    def names(self) -> list[str]:
        """Return the files relative to the folder, sorted: two levels deep on disk, all levels in an archive."""
        if self.inside is None:
            paths = (path for pattern in ("*", "*/*") for path in self.path.glob(pattern) if path.is_file())
            return sorted(path.relative_to(self.path).as_posix() for path in paths)
        top = f"{self.inside}/" if self.inside else ""
        with _archive(self.path) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
        return sorted(m[len(top) :] for m in members if m.startswith(top) and not m.startswith(f"{IGNORED}/"))

    def get(self, name: str) -> File | None:
        """Return the file of that name or with `.gz` added; None if neither exists."""
        if self.inside is None:
            choices = (self.path / name, self.path / f"{name}.gz")
            return next((File(path) for path in choices if path.is_file()), None)
        names, top = set(self.names()), f"{self.inside}/" if self.inside else ""
        return next((File(self.path, top + member) for member in (name, f"{name}.gz") if member in names), None)

    def file(self, name: str) -> File:
        """Return the file of that name or with `.gz` added; UserError, with the names that exist, if there is none."""
        file = self.get(name)
        if file is not None:
            return file
        above, _, last = name.rpartition("/")
        names = self.names()
        if above and not any(other.startswith(f"{above}/") for other in names):
            raise UserError(f"the folder {above} is not in {self}; {nearest(above, _folders(names))}")
        where = f"{self}/{above}" if above else str(self)
        prefix = f"{above}/" if above else ""
        siblings = [other.removeprefix(prefix).split("/")[0] for other in names if other.startswith(prefix)]
        if not above and _folders(names) and not any("/" not in other for other in names):
            siblings = [f"{folder}/" for folder in _folders(names)]
        raise UserError(f"the file {last} (or {last}.gz) is not in {where}; {nearest(last, siblings)}")


def _folders(names: list[str]) -> list[str]:
    return sorted({name.split("/")[0] for name in names if "/" in name})


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; DataError if it is damaged or not a zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise DataError(f"damaged zip archive: {error}", Place(relative(path))) from None


def raw_lines(file: File, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line, with its line break and without a byte order mark.

    Raises DataError for bytes that are invalid in the encoding, for a zero byte, and for damaged gzip or zip.
    """
    number, encoding_of_first = 0, "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        with file.open() as data:
            for number, line in enumerate(data, 1):
                if b"\0" in line:
                    raise file.refuse("a zero byte: the file may be UTF-16, or not text at all", number)
                yield number, line.decode(encoding_of_first if number == 1 else encoding)
    except UnicodeDecodeError as error:
        raise file.refuse(f"not {encoding.upper()}: {error.reason}", number) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise file.refuse(f"damaged {'archive' if file.member else 'gzip'} after line {number}: {error}") from None
    except (RuntimeError, NotImplementedError) as error:  # zipfile: a password, or an unknown compression method
        raise file.refuse(f"cannot be decompressed: {error}") from None
    except OSError as error:
        raise file.refuse(f"cannot be read: {error.strerror or error}") from None


def lines(file: File, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line that is not blank, without its line break; errors as `raw_lines`."""
    for number, line in raw_lines(file, encoding):
        text = line.rstrip("\r\n")
        if text and not text.isspace():
            yield number, text
