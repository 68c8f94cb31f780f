"""One partner with a handful of invented people, clearly apart, and its deliveries: a run of it takes a second."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CONTRACT = """
name: Invented co-operative (synthetic)
delivery: {{kind: {kind}, file_name: '(?P<year>\\d{{4}})-(?P<month>\\d{{2}})'}}
file: {{format: csv}}
columns:
  full_name: Naran
  sex: Seksu
  birth_date: Loron moris
  phones: Telefone
  trainee_type: Tipu
  course_code: Kursu
  training_date: Loron treinu
missing: ['', '-']
lookups:
  sex: {{F: Feto, M: Mane}}
  trainee_type: {{msme_owner: Negosiu, job_seeker: Buka servisu}}
"""
HEADER = "Naran,Seksu,Loron moris,Telefone,Tipu,Kursu,Loron treinu"
# no two share a syllable that a comparison could take for the other's
_GIVEN = ("Amostra", "Exemplo", "Ficticia", "Inventado", "Modelo", "Prova", "Teste", "Suposta", "Imagina", "Padrao")
_FAMILY = ("Amaral", "Belo", "Correia", "Dias", "Esteves", "Freitas", "Guterres", "Henriques", "Lobato", "Ximenes")


@dataclass(frozen=True)
class Person:
    """Somebody invented, known by a number: other number, other name, birth date and phone."""

    number: int

    @property
    def cells(self) -> list[str]:
        """Name, sex, birth date, phone, type as the partner writes them."""
        one, other = divmod(self.number, 10)
        born = dt.date(1961, 3, 5) + dt.timedelta(days=467 * self.number)
        sex, kind = (("Feto", "Mane")[self.number % 2], ("Negosiu", "Buka servisu")[self.number % 3 == 0])
        name = f"{_GIVEN[other]} {_FAMILY[(one + 3 * other) % 10]}"
        return [name, sex, f"{born:%d/%m/%Y}", f"77{(self.number * 7919 + 12345) % 1_000_000:06d}", kind]


def row(number: int, day: str, course: str = "DL101") -> str:
    """One attendance of a person; day as 02/08/2020, or '-' for a row that has to be rejected."""
    return ",".join([*Person(number).cells, course, day])


def make_partner(raw: Path, name: str = "TL/COOP", kind: str = "monthly") -> Path:
    """Write a contract; return the partner's folder."""
    folder = raw / name
    (folder / "sample").mkdir(parents=True)
    (folder / "partner.yml").write_text(CONTRACT.format(kind=kind))
    return folder


def deliver(partner: Path, received: str, name: str, rows: Iterable[str]) -> Path:
    """Put a file into the partner's source, received on a day; return it."""
    folder = partner / "sample" / received
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path
