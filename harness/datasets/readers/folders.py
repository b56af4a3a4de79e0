"""The files of a collection, in a folder or inside a zip archive: found by name, and read in place, through gzip."""

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
FOREIGN = "__MACOSX"
"""A folder that one system adds to every archive."""


class File(NamedTuple):
    """A file on disk, or a member of an archive on disk."""

    path: Path
    member: str = ""

    def __str__(self) -> str:
        """Read as a person would type it from here, a member behind its archive."""
        return f"{relative(self.path)}/{self.member}" if self.member else relative(self.path)

    @property
    def name(self) -> str:
        """The last part of where it lies."""
        return (self.member or self.path.name).rsplit("/", 1)[-1]

    @property
    def ending(self) -> str:
        """What the name ends in, whatever gzip adds to it."""
        return Path(self.name.lower().removesuffix(".gz")).suffix.removeprefix(".")

    @property
    def stamp(self) -> list[str | int]:
        """What tells cheaply that it may have changed."""
        return [*stamp(self.path), self.member]

    def refuse(self, message: str, line: int | None = None) -> DataError:
        """Say what is wrong with it, or with a line of it."""
        return DataError(message, Place(str(self), line))

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the bytes, unpacked. Gzip is known by its first bytes, whatever the file is called."""
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
    """A folder on disk, or one inside an archive, "" being its top."""

    path: Path
    inside: str | None = None

    @classmethod
    def at(cls, path: Path) -> Folder:
        """Find the folder, or the archive, or the folder inside one (`docs.zip/part`); UserError with what is there.

        An archive that holds nothing but one folder is taken for that folder.
        """
        if path.is_dir():
            return cls(path)
        for place in (path, *path.parents):
            if place.is_file():
                inside = "" if place == path else path.relative_to(place).as_posix()
                if not zipfile.is_zipfile(place):
                    raise UserError(f"{relative(place)} is a file, neither the folder of a collection nor a zip of one")
                return cls(place, inside)._within(inside)
            if place.is_dir():
                missing = path.parts[len(place.parts)]
                there = [other.name for other in place.iterdir() if other.is_dir() or other.suffix == ".zip"]
                raise UserError(f"the folder {missing} is not in {relative(place)}; {nearest(missing, there)}")
        raise UserError(f"the folder {path} does not exist")

    def _within(self, inside: str) -> Folder:
        """Check that the archive has that folder, and go down as long as there is nothing but one folder."""
        folder = self
        while True:
            names = folder.names()
            if not names:
                there = Folder(self.path, "").names()
                raise UserError(f"{folder} holds no file; {nearest(inside, _folders(there))}")
            if any("/" not in name for name in names) or len(_folders(names)) > 1:
                return folder
            folder = Folder(self.path, f"{folder.inside}/{_folders(names)[0]}".removeprefix("/"))

    def __str__(self) -> str:
        """Read as a person would type it from here."""
        return f"{relative(self.path)}/{self.inside}" if self.inside else relative(self.path)

    def names(self) -> list[str]:
        """Name the files in it, relative to it: on disk those of the folders in it too, of an archive all."""
        if self.inside is None:
            found = (path for pattern in ("*", "*/*") for path in self.path.glob(pattern) if path.is_file())
            return sorted(path.relative_to(self.path).as_posix() for path in found)
        top = f"{self.inside}/" if self.inside else ""
        with _archive(self.path) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
        return sorted(m[len(top) :] for m in members if m.startswith(top) and not m.startswith(f"{FOREIGN}/"))

    def get(self, name: str) -> File | None:
        """Return a file or its gzipped form, None where neither is there."""
        if self.inside is None:
            choices = (self.path / name, self.path / f"{name}.gz")
            return next((File(path) for path in choices if path.is_file()), None)
        there, top = set(self.names()), f"{self.inside}/" if self.inside else ""
        return next((File(self.path, top + one) for one in (name, f"{name}.gz") if one in there), None)

    def file(self, name: str) -> File:
        """Return a file or its gzipped form; UserError with what lies there instead."""
        found = self.get(name)
        if found is not None:
            return found
        above, _, last = name.rpartition("/")
        names = self.names()
        if above and not any(other.startswith(f"{above}/") for other in names):
            raise UserError(f"the folder {above} is not in {self}; {nearest(above, _folders(names))}")
        where = f"{self}/{above}" if above else str(self)
        prefix = f"{above}/" if above else ""
        beside = [other.removeprefix(prefix).split("/")[0] for other in names if other.startswith(prefix)]
        if not above and _folders(names) and not any("/" not in other for other in names):
            beside = [f"{folder}/" for folder in _folders(names)]
        raise UserError(f"the file {last} (or {last}.gz) is not in {where}; {nearest(last, beside)}")


def _folders(names: list[str]) -> list[str]:
    return sorted({name.split("/")[0] for name in names if "/" in name})


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; DataError where it is none or is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise DataError(f"damaged zip archive: {error}", Place(relative(path))) from None


def raw_lines(file: File, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Give each line with its number and its end, without a byte order mark.

    DataError with the line where it is not of that encoding or holds a zero byte, and where gzip or zip break off.
    """
    number, opening = 0, "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        with file.open() as data:
            for number, line in enumerate(data, 1):
                if b"\0" in line:
                    raise file.refuse("a zero byte, which no text holds; is it UTF-16, or no text file?", number)
                yield number, line.decode(opening if number == 1 else encoding)
    except UnicodeDecodeError as error:
        raise file.refuse(f"not {encoding.upper()}: {error.reason}", number) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise file.refuse(f"damaged {'archive' if file.member else 'gzip'} after line {number}: {error}") from None
    except (RuntimeError, NotImplementedError) as error:  # of zipfile: a password, a method that it does not know
        raise file.refuse(f"cannot be unpacked: {error}") from None
    except OSError as error:
        raise file.refuse(f"cannot be read: {error.strerror or error}") from None


def lines(file: File, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Give each line that is not blank with its number, without its end. Raises what `raw_lines` raises."""
    for number, line in raw_lines(file, encoding):
        text = line.rstrip("\r\n")
        if text and not text.isspace():
            yield number, text
