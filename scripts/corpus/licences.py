"""Licences: what a project or a file states, and whether that is known to be permissive."""

import re
import tomllib
from email import message_from_string
from pathlib import Path

from license_expression import Licensing

from nl2code.errors import UserError

UNKNOWN = "unknown"
PERMISSIVE = re.compile(
    r"(the )?(mit|mit-0|mit-cmu|mit/x11|(mit|expat) license( \(mit\))?|mit no attribution license( \(mit-0\))?|expat|"
    r"(new |[0-3]-clause |zero-clause |modified |simplified )?bsd( license)?|bsd[- ]?[0123]([- ]?clause)?( license)?|"
    r"0bsd|isc( license)?( \(iscl\))?|apache([- ]?2(\.0)?)?( license)?|apache software license( 2\.0)?|"
    r"apache license,? (version )?2(\.0)?|zlib(/libpng license)?|cc0-1\.0|cc0 1\.0 universal .*|unlicense|the unlicense.*|"
    r"psf|psf-2\.0|python-2\.0|python software foundation license|python license|"
    r"bsl-1\.0|boost software license 1\.0( \(bsl-1\.0\))?|hpnd|historical permission notice and disclaimer)"
)
_PHRASES = {  # the first one found, whatever its white space and case, tells the licence of a text
    "GPL": "GNU ((AFFERO|LESSER|LIBRARY) )?GENERAL PUBLIC LICENSE",
    "Apache-2.0": r"Apache License Version 2\.0",
    "BSD-3-Clause": "Redistribution and use in source and binary forms",
    "MIT": "Permission is hereby granted, free of charge, to any person obtaining a copy",
    "MPL": "Mozilla Public License,? (Version|v)",
    "EPL": "Eclipse Public License -",
    "EUPL": "European Union Public Licen[cs]e",
    "SSPL": "Server Side Public License",
    "BUSL": "Business Source License",
    "CC-BY with conditions": r"Creative Commons Attribution\W(NonCommercial|ShareAlike|NoDerivatives)",
}
TEXTS = [(name, re.compile(phrase.replace(" ", r"\s+"), re.IGNORECASE)) for name, phrase in _PHRASES.items()]
_METADATA = re.compile(r"PKG-INFO|[^/]+\.dist-info/METADATA|[^/]+\.egg-info/PKG-INFO")  # in the order of precedence
_LICENCE_FILE = re.compile(
    r"[^/]+\.dist-info/licenses/.+|(?-i:LICENSES/[^/]+\.txt)|([^/]+\.dist-info/)?"
    r"((MIT|BSD|APACHE|[AL]?GPL)[-_])?(UN)?(LICEN[CS]E|COPYING|COPYRIGHT)([-_.](?!py$)[^/]*)?",
    re.IGNORECASE,
)
_COPYLEFT = re.compile(
    r"GPL(?![- ]?compatible)|general public licen|\bMPL|mozilla|\bEU?PL|\bCC-BY-|proprietary|non-?commercial",
    re.IGNORECASE,
)
_NAME = r"(?:\( *)*\w+(?:[.:-]\w+)*\+?(?: *\))*"
_SPDX = re.compile(rf"SPDX-License-Identifier:[ \t]*({_NAME}(?: +(?:AND|OR|WITH) +{_NAME})*)", re.IGNORECASE)
_LICENSING = Licensing()


def states_licence(path: str) -> bool:
    """Whether a file, by its path in the project, is the project's own metadata or licence file."""
    return path == "pyproject.toml" or bool(_METADATA.fullmatch(path) or _LICENCE_FILE.fullmatch(path))


def project_licence(project: Path, files: dict[str, str]) -> str:
    """The licence that a project states in its package metadata, else in its licence files, else in pyproject.toml.

    All licence files hold; those in `LICENSES/` are named after their licence (REUSE).

    Args:
        project: for the error message.
        files: path in the project -> text, of those that `states_licence`.

    Returns:
        A licence expression, or `unknown`.

    Raises:
        UserError: metadata of several packages.
    """
    own = [path for path in sorted(files) if _METADATA.fullmatch(path)]
    if sum(".dist-info/" in path for path in own) > 1:
        raise UserError(
            f"{project} holds several packages, each with its licence; give them one by one, as installed:NAME"
        )
    for path in sorted(own, key=lambda path: (".egg-info/" in path, ".dist-info/" in path)):
        if licence := metadata_licence(files[path]):
            return licence
    found = [
        path[9:-4] * ("-exception" not in path) if path.startswith("LICENSES/") else text_licence(text)
        for path, text in sorted(files.items())
        if _LICENCE_FILE.fullmatch(path)
    ]
    in_files = " AND ".join(dict.fromkeys(filter(None, found)))
    return in_files or pyproject_licence(files.get("pyproject.toml", "")) or UNKNOWN


def pyproject_licence(text: str) -> str:
    """The licence that a pyproject.toml states, of [project] or [tool.poetry]; empty for none.

    >>> pyproject_licence("[project]\\nlicense = {text = 'MIT'}")
    'MIT'
    """
    try:
        tables = tomllib.loads(text)
        project = tables.get("project") or tables["tool"]["poetry"]
        licence, classifiers = project.get("license", ""), list(project.get("classifiers", []))
        is_expression = isinstance(licence, str)
        licence = licence if is_expression else licence.get("text", "")
        licence = text_licence(licence) or licence.strip().partition("\n")[0]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    field = "License-Expression" if is_expression else "License"
    return metadata_licence("\n".join([f"{field}: {licence}", *(f"Classifier: {value}" for value in classifiers)]))


def metadata_licence(metadata: str) -> str:
    """The licence of package metadata: the SPDX expression, else the classifiers, else the free field or its full text.

    >>> metadata_licence("License: x\\nClassifier: License :: OSI Approved :: ISC License (ISCL)")
    'ISC License'
    """
    message = message_from_string(metadata)
    classifiers = [value for value in message.get_all("Classifier", []) if value.startswith("License ::")]
    free = [text_licence(value) or value.strip().partition("\n")[0] for value in message.get_all("License", [])]
    if free and free[0].lower().startswith("copyright"):  # a full text whose first blank line ended the header
        free = [text_licence(str(message.get_payload())[:5000]) or free[0]]
    names = [re.sub(r" \([^()]+\)$", "", value.rpartition("::")[2].strip()) for value in classifiers]
    contrary = [value for value in free if _COPYLEFT.search(value) and not is_permissive(value)]
    for values in (message.get_all("License-Expression", []), names, free):
        found = [value.strip() for value in values if value.strip() not in ("", "UNKNOWN", "OSI Approved")]
        if found:
            return " AND ".join([*found, *(contrary if values is names else ())])
    return ""


def text_licence(text: str) -> str:
    """The licence whose full text `text` holds; empty where it is none of TEXTS."""
    return next((licence for licence, pattern in TEXTS if pattern.search(text)), "")


def file_licence(text: str) -> str:
    """What the SPDX lines at the top of a file say, in comments of any style; empty for none.

    >>> file_licence("<!-- SPDX-License-Identifier: MIT OR GPL-2.0+ -->")
    'MIT OR GPL-2.0+'
    """
    found = []
    for name in _SPDX.findall(text[:2000]):
        surplus = max(0, name.count(")") - name.count("("))  # parentheses around the line
        found.append(re.sub(rf"( *\)){{{surplus}}}$", "", name))
    return found[0] if len(found) == 1 else " AND ".join(f"({name})" for name in dict.fromkeys(found))


def is_permissive(expression: str) -> bool:
    """Whether a licence expression is known to be permissive: all parts around AND, at least one around OR.

    >>> is_permissive("BSD AND MIT"), is_permissive("GPL-3.0 OR MIT"), is_permissive("(MIT OR ISC) AND GPL-3.0")
    (True, True, False)
    """
    if PERMISSIVE.fullmatch(expression.strip().lower()):
        return True
    try:
        tree = _LICENSING.parse(expression)
    except Exception:  # the parser raises several kinds on nonsense
        return False

    def holds(node) -> bool:
        if isinstance(node, _LICENSING.AND | _LICENSING.OR):
            return (all if isinstance(node, _LICENSING.AND) else any)(map(holds, node.args))
        symbol, exception = getattr(node, "license_symbol", node), getattr(node, "exception_symbol", None)
        adds = exception is None or "exception" in exception.key.lower()  # permissions; Commons-Clause takes them
        return adds and bool(PERMISSIVE.fullmatch(symbol.key.lower()))

    return tree is not None and holds(tree)
