"""Which files decide who is linked to whom, and which what a release says of people.

A chart or an explanation may change without linking anybody anew; whatever stands here may not.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import schemas

_HERE = Path(__file__).parent
_SCHEMAS = Path(schemas.__file__).parent
# what linkage imports, directly or through others, and the data that these read; a test holds it against the imports
LINKING = (
    *(
        _HERE / name
        for name in (
            "clusters.py",
            "features.py",
            "forms.py",
            "judgements.py",
            "linkage.py",
            "match.py",
            "model.py",
            "names.py",
            "sources.py",
            "traditions.yml",
        )
    ),
    *(_HERE.parent / "vault" / name for name in ("linkage_tables.py", "schema.py")),
    *(_SCHEMAS / name for name in ("languages.py", "languages.yml", "naming.yml")),
)
# beside them: how people are told by a stable id and counted, and the committed weights
IDENTIFYING = (
    *LINKING,
    *(_HERE / name for name in ("calibration.py", "register.py", "respondents.py", "match_model.json")),
)


def hash_files(files: Iterable[Path]) -> str:
    """Return a hash of the names and contents of files, in any order."""
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: (path.name, path.parent.name)):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
