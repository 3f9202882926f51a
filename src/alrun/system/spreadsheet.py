"""Reads tables that people and spreadsheets write as CSV, in any of the forms that programs give them.

Accepted are commas, semicolons, tabs and bars; a first line ``sep=;``; UTF-8 with or without a byte order mark, UTF-16
and UTF-32 with one; names of columns in any case and with blanks around them; lines that hold only separators.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alrun.system.errors import DataError, first_line

LONGEST = 2**31 - 1  # letters of a cell; Python's own limit of 131,072 is less than a long text
SEPARATORS = ",;\t|"
MARKS = (
    *((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),  # before UTF-16, whose marks begin alike
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF8, "utf-8-sig")),
)
OTHERS = {b"PK\x03\x04": "a workbook or archive", b"\xd0\xcf\x11\xe0": "a workbook", b"{": "JSON", b"[": "JSON"}


@dataclass(frozen=True)
class Row:
    """A line of a sheet."""

    line: int  # in the file, from 1; of a row with line breaks inside, the last
    cells: dict[str, str]  # stripped, by the name of the column

    def __getitem__(self, column: str) -> str:
        """A cell; empty if the row is too short or has no such column."""
        return self.cells.get(column, "")


@dataclass(frozen=True)
class Sheet:
    """The names of the columns as they are written, and the rows."""

    header: list[str]
    rows: list[Row]
    what: str  # its name in a sentence

    def column(self, name: str) -> str | None:
        """The column called ``name``, in any case if none has exactly this name; None without one.

        Raises:
            UserError: Several columns match.
        """
        exact = [column for column in self.header if column == name]
        found = exact or [column for column in self.header if column.casefold() == name.strip().casefold()]
        if len(found) > 1:
            raise DataError(f"{self.what} has {len(found)} columns {name} ({', '.join(found)}): rename all but one.")
        return found[0] if found else None


def read_sheet(path: Path, what: str) -> Sheet:
    """The sheet at ``path``; ``what`` is its name in a sentence.

    Raises:
        UserError: It cannot be read as CSV; the sentence says what to do.
    """
    if path.exists() and not path.is_file():  # reading a pipe might wait forever
        raise DataError(f"{what} cannot be read as CSV: it is not a file.")
    csv.field_size_limit(LONGEST)
    try:
        text, separator, skipped = open_text(path, what)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=False)
        header = [name.strip() for name in next(reader, [])]
        return Sheet(header, list(read_rows(reader, header, skipped, what)), what)
    except OSError as error:
        raise DataError(f"{what} cannot be read as CSV ({error.strerror or error}).") from error
    except csv.Error as error:
        raise DataError(f"{what} cannot be read as CSV ({first_line(error)}): save it as CSV, UTF-8.") from error


def open_text(path: Path, what: str) -> tuple[str, str, int]:
    """The text at ``path`` from its header on, its separator, and the number of lines before the header.

    Raises:
        UserError: It is not text, or of an unknown encoding.
        OSError: It cannot be read.
    """
    text = decode_text(path.read_bytes(), what)
    lines = text.splitlines(keepends=True)
    first = lines[0].strip().strip('"').strip() if lines else ""
    names_separator = first.casefold().startswith("sep=") and len(first) <= 5
    if names_separator:
        text = text[len(lines[0]) :]
    return text, first[4] if names_separator and len(first) == 5 else likeliest_separator(text), int(names_separator)


def decode_text(content: bytes, what: str) -> str:
    """The text of a file.

    Raises:
        UserError: It is not text, or of an unknown encoding.
    """
    for start, kind in OTHERS.items():
        if content.startswith(start):
            raise DataError(f"{what} cannot be read as CSV: it is {kind}; save it as CSV, UTF-8.")
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = content[:start].count(b"\n") + 1
        raise DataError(
            f"{what} cannot be read as CSV (line {line} is not encoded as {encoding.removesuffix('-sig').upper()}): "
            "save it as CSV, UTF-8; in a spreadsheet that is a choice beside the file's type."
        ) from error
    if "\0" in text:
        raise DataError(f"{what} cannot be read as CSV (it holds zero bytes): save it as CSV, UTF-8.")
    return text


def likeliest_separator(text: str) -> str:
    """The separator that occurs most often, outside quotes, in the first line with text."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = "".join(first.split('"')[::2])
    return max(SEPARATORS, key=bare.count)


def read_rows(reader: Iterator[list[str]], header: Sequence[str], skipped: int, what: str) -> Iterator[Row]:
    """The rows of a reader with the names of ``header``; rows without text are skipped.

    Raises:
        UserError: A row has text beyond the last column.
    """
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        line = reader.line_num + skipped  # type: ignore[attr-defined]
        if not any(stripped):
            continue
        if any(stripped[len(header) :]):
            raise DataError(
                f"{what}, line {line}: it has more cells than the first line has names: put quotes around what "
                "holds a separator."
            )
        yield Row(line, dict(zip(header, stripped, strict=False)))
