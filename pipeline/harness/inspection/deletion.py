"""May a KMS key be deleted? What may be asked for, and the answer: in doubt it is no."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import InputError
from pipeline.harness.kms.contract import key_id_hash, key_id_problem

_HASH_PREFIX: Final = "sha256:"
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}", re.IGNORECASE)
_QUOTES: Final = "\"'`"


@dataclass(frozen=True, slots=True)
class DeletionAnswer:
    """The answer to "may this key be deleted?".

    `blocking` objects name it, `outside` of them below another prefix; of `unknown` ones nobody can tell from the
    bytes. `moved`: the store was compacted while it was read, so that objects may have been missed.
    """

    key_id: str
    blocking: int
    unknown: int
    outside: int = 0
    moved: bool = False

    @property
    def allowed(self) -> bool:
        """Tell whether no live object can need the key."""
        return not (self.blocking or self.unknown or self.moved)


def checked_key_id(text: str) -> str:
    """Return what was asked for, when it can be a keyID or its hash.

    Raises: InputError when it is empty (an unset variable), too long, quoted, has spaces around it or characters
    that cannot be printed, or is half a hash: no object would name it, which would be taken for a yes.
    """
    if not text.isprintable() or text != text.strip():
        problem = "spaces around it, or characters that cannot be printed"
    elif text[:1] in _QUOTES and text:
        problem = "quotes around it (jq prints none with -r)"
    elif text.lower().startswith(_HASH_PREFIX) and not _HASH.fullmatch(text):
        problem = "a hash that has not 64 hexadecimal digits"
    else:
        problem = key_id_problem(text)
    if problem:
        raise InputError(
            "no keyID to ask for",
            seen=f"{text!r}: {problem}",
            wanted="a keyID as the plugin's Status gives it, or the sha256:… of one that kube-apiserver shows",
            where="--may-delete-key",
            next_step="see whether the variable is set; without --may-delete-key all keyIDs are listed",
        )
    return text


def is_named(asked: str, key_id: str) -> bool:
    """Tell whether a keyID is the one asked for, by itself or by the hash that kube-apiserver's metrics show."""
    return asked == key_id or asked.lower().removeprefix(_HASH_PREFIX) == key_id_hash(key_id).removeprefix(_HASH_PREFIX)
