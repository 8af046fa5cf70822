"""Readers of makefiles, shell scripts and variable files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.core.drift.commands import commands_in, without_comment
from pipeline.core.drift.images import images_in
from pipeline.core.drift.model import Document, Mention

_HEREDOC: Final = re.compile(r"(?<!<)<<(?!<)-?\s*([\"']?)(?P<end>[A-Za-z_]\w*)\1")
_SHELL_HEREDOC: Final = re.compile(r"\b(?:bash|sh|zsh|ssh|docker\s+exec|docker\s+run)\b[^|<]*<<")


def read_script(document: Document) -> Iterator[Mention]:
    """Yield what the lines of a script or makefile name; of a heredoc's text only the images, of a comment nothing."""
    last_lines = {line.strip(): number for number, line in enumerate(document.lines, 1)}
    end = ""
    for number, line in enumerate(document.lines, 1):
        if end:
            end = "" if line.strip() == end else end
            yield from (document.mention(number, hit) for hit in images_in(line))
            continue
        code = without_comment(line)
        for hit in commands_in(code):
            yield document.mention(number, hit)
        heredoc = _HEREDOC.search(code)
        if heredoc and last_lines.get(heredoc["end"], 0) > number and not _SHELL_HEREDOC.search(code):
            end = heredoc["end"]
