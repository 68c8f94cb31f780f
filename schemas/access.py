"""How a partner's source is reached, and what its review of a submission means; a part of the contract.

Secrets are never written here: a contract names the environment variable that holds one.
"""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# forms: their submissions carry a state of review, which decides whether they count; scheme -> formats it comes in
FORM_FORMATS = {"kobo": ("kobo_json",), "odk": ("csv", "csv_pair")}


def _as_variable(value: Any) -> Any:
    # the value may be the secret itself, so it is not repeated
    if isinstance(value, str) and not re.fullmatch(r"[A-Z][A-Z0-9_]*", value):
        raise ValueError("write the name of an environment variable in capitals, never the secret itself")
    return value


def as_list(value: Any) -> Any:
    """Return a list as it is, and a single value as a list of one."""
    return value if isinstance(value, list | tuple) else [value]


Variable = Annotated[str, BeforeValidator(_as_variable)]
Words = Annotated[tuple[str, ...], BeforeValidator(as_list)]


class Access(BaseModel):
    """How the source is reached; secrets by the *name* of the environment variable that holds each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: Variable | None = Field(None, description="Variable with the user's name; for S3 the access key's id.")
    password: Variable | None = Field(
        None, description="Variable with the password; for S3 the secret key; with `key`, the passphrase of the key."
    )
    key: Variable | None = Field(
        None, description="Variable with the private key for SFTP: its text, or the path of its file."
    )
    token: Variable | None = Field(None, description="Variable with a token (KoboToolbox, ODK Central, HTTPS).")
    link: Variable | None = Field(
        None,
        description="Variable with the whole address, where the link itself is the secret (a share link); `source` "
        "then says only https:// and the host.",
    )
    known_hosts: str | None = Field(
        None,
        description="File of the SFTP server's public keys, a path below the partner's folder; ~/.ssh/known_hosts "
        "without it. A server whose key is not in it is refused.",
    )
    endpoint: str | None = Field(None, description="Address of an S3-compatible service that is not Amazon's.")
    senders: Words = Field(
        (), description="Mail: addresses, or @domains, whose attachments are deliveries; all other mail is ignored."
    )
    shrink_max: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share by which a cumulative file or a form may become smaller; more than that is held back and "
        "reported, and what came before stays in force.",
    )
    time_limit: int | None = Field(None, ge=1, description="Seconds for one whole pull, instead of the setting.")
    size_limit: int | None = Field(None, ge=1, description="Bytes for one file or form, instead of the setting.")


class States(BaseModel):
    """What the source's own review of a row means; a state that stands in no list keeps its row out, with a reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: str = Field(
        description="Their header of the state: `_validation_status` (KoboToolbox), `ReviewState` (ODK Central)."
    )
    counts: Words = Field(description="States whose rows count; '' is a row that nobody has reviewed.")
    refused: Words = Field((), description="States whose rows are rejected: refused, on hold.")

    @model_validator(mode="after")
    def _one_meaning(self) -> "States":
        both = sorted(set(self.counts) & set(self.refused))
        if both:
            raise ValueError(f"states: {', '.join(map(repr, both))} cannot both count and be refused")
        return self


def check_source(source: str, states: States | None, unit: str, file_format: str) -> None:
    """Refuse a source that holds a password, and a form whose states, unit or format are not those of a form.

    Raises:
        ValueError: saying what to write instead; the source is not repeated.
    """
    parts = urlsplit(source)
    if parts.password is not None:
        raise ValueError("source: it holds a password; name the variable that holds it under `access.password`")
    if parts.scheme not in FORM_FORMATS:
        return
    if states is None:
        raise ValueError(
            f"states: is missing; a {parts.scheme}:// source has states of review, say which of them count"
        )
    if unit != "folder":
        raise ValueError(f"delivery.unit: a {parts.scheme}:// source is one folder of files; write `unit: folder`")
    if file_format not in FORM_FORMATS[parts.scheme]:
        formats = " or ".join(FORM_FORMATS[parts.scheme])
        raise ValueError(f"file.format: a {parts.scheme}:// source comes as {formats}")
