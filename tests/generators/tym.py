"""Deliveries of the shipped Vietnamese contract with invented people, as many and as odd as a test wants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

HEADER = "STT,Mã TV,Họ và tên,Giới tính,Ngày sinh,Dân tộc,Huyện,Tỉnh,Số ĐT,CMND/CCCD,Đối tượng,Khuyết tật,Khu vực"
HEADER += ",Mã khóa,Ngày học,Số giờ"
_FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ")
_GIVEN = ("An", "Bình", "Chi", "Dung", "Giang", "Hà", "Khánh", "Lan", "Mai", "Nga", "Oanh", "Phương", "Quyên")


@dataclass(frozen=True)
class Person:
    """An invented person, quite unlike every other by number."""

    number: int
    sex: str = "Nữ"
    course: str = "DL101"
    day: str = "03/08/2020"

    def row(self, place: int) -> str:
        """The person as a row of the delivery."""
        n = self.number
        name = f"{_FAMILY[n % 10]} {_GIVEN[n // 10 % 13]} {_GIVEN[n // 130 % 13]} {_GIVEN[n * 7 % 13]}"
        born = f"{1 + n * 11 % 28:02d}/{1 + n * 5 % 12:02d}/{1960 + n * 13 % 40}"
        cells = (place, f"MB2{n:06d}", name, self.sex, born, "Kinh", "Mê Linh", "Hà Nội", f"09{n * 7919 % 10**8:08d}")
        return ",".join(map(str, (*cells, "", "Tìm việc", "Không", "NT", self.course, self.day, 3)))


def people(numbers: Sequence[int], **same: str) -> list[Person]:
    """Some people, with what they have in common."""
    return [replace(Person(number), **same) for number in numbers]


def deliver(source: Path, received: str, name: str, attending: Sequence[Person]) -> Path:
    """Write a delivery into a folder of the source, as it arrived on a day (YYYY-MM-DD)."""
    folder = source / received
    folder.mkdir(parents=True, exist_ok=True)
    lines = [HEADER, *(person.row(place) for place, person in enumerate(attending, 1))]
    file = folder / name
    # the code page has no precomposed letters with tone marks for every vowel
    file.write_bytes("\r\n".join(_decomposed(line) for line in lines).encode("cp1258"))
    return file


def _decomposed(text: str) -> str:
    import unicodedata

    marks = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}
    out = ""
    for character in text:
        parts = unicodedata.normalize("NFD", character)
        tone = "".join(mark for mark in parts if mark in marks)
        out += unicodedata.normalize("NFC", parts.replace(tone, "") if tone else parts) + tone
    return out
