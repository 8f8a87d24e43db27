"""Sources: every form of one tree gives the same, damage is one line, and licences as projects state them."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_archives import FORMS, METADATA, TREE, check, pack
from nl2code.errors import UserError
from scripts.corpus.documents import HarvestOptions, harvest
from scripts.corpus.licences import file_licence, is_permissive, metadata_licence, project_licence, states_licence
from scripts.corpus.sources import members, read_through, resolve

OPTIONS = HarvestOptions("pandas", ("code", "mined"), False, (), ())
GPL = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n"
MIT = TREE["LICENSE"]


def write(folder: Path, tree: dict[str, str]) -> Path:
    for name, text in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def facts(path: Path) -> tuple:
    """What a source gives: paths, licence, documents."""
    source = resolve(str(path), path.parent)
    with TemporaryDirectory() as folder:
        found = harvest(source, OPTIONS, Path(folder, "texts"))
        documents = [(one.kind, one.path, one.text(), one.licence) for one in found.documents]
    return [(member.path, member.size) for member in members(path)], source.licence, documents


NAMES = st.sampled_from(["a.py", "b.py", "guide.md", "data.csv", "LICENSE", "COPYING", "__init__.py"])
FOLDERS = st.sampled_from(["", "pkg/", "pkg/sub/", "docs/", "vendor/", "build/", ".git/", "tests/x.dist-info/"])
TEXTS = st.sampled_from([TREE["mylib/alpha.py"], TREE["docs/guide.md"], MIT, GPL, "x = 1\n"])


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.builds(str.__add__, FOLDERS, NAMES), TEXTS, max_size=8))
def test_all_forms_of_a_tree_give_the_same(tmp_path_factory, tree):
    tree = {"setup.py": "x = 1\n", "pkg/z.py": TREE["mylib/beta.py"], **tree}  # more than one folder
    folder = tmp_path_factory.mktemp("forms")
    expected = facts(write(folder / "case", tree))
    assert "pkg/z.py" in dict(expected[0]) and not any(path.startswith((".git", "build")) for path, _ in expected[0])
    for form in FORMS:
        path = folder / f"case{form.rpartition('/')[2]}"
        path.write_bytes(pack(tree, form))
        assert facts(path) == expected, form


def test_a_wheel_states_its_licence_in_its_metadata(tmp_path):
    tree = {"pkg/a.py": TREE["mylib/alpha.py"], "pkg-1.0.dist-info/METADATA": METADATA}
    (tmp_path / "pkg.whl").write_bytes(pack(tree, ".whl"))
    assert resolve(str(tmp_path / "pkg.whl"), tmp_path).licence == "MIT License"
    assert resolve(str(write(tmp_path / "pkg", tree)), tmp_path).licence == "MIT License"


def test_a_tar_of_a_folder_itself_keeps_its_only_package(tmp_path):
    """`tar -C folder .` names the folder; what lies in it is no folder around everything."""
    for form, path in (("dot/.tar", "pkg/a.py"), (".tar", "a.py"), ("top/.tar", "pkg/a.py")):
        (tmp_path / "x.tar").write_bytes(pack({"pkg/a.py": "x = 1\n"}, form))
        assert [member.path for member in members(tmp_path / "x.tar")] == [path], form


def test_links_hidden_folders_and_environments_are_no_members(tmp_path):
    root = write(tmp_path / "root", {"a.py": "a = 1\n", "env/pyvenv.cfg": "", "env/lib/b.py": "b", ".tox/c.py": "c"})
    write(
        root,
        {
            "node_modules/d.py": "d",
            "__pycache__/e.py": "e",
            "__MACOSX/f.py": "f",
            "._a.py": "\0",
            "big.py": "#" * 2_000_000,
        },
    )
    (root / "link.py").symlink_to(root / "a.py")
    (root / "loop").symlink_to(root)
    assert [member.path for member in members(root)] == ["a.py", "big.py"]
    before = read_through(root)
    (root / "env/lib/b.py").write_text("changed")
    (root / "big.py").write_text("-" * 2_000_000)
    write(root, {"data.csv": "1"})
    assert read_through(root) == before
    (root / "a.py").write_text("a = 2\n")
    assert read_through(root) != before


def test_entries_that_are_no_plain_files(tmp_path):
    """A hard link is a file; symbolic links, devices and paths that lead outside are not taken at their word."""
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, kind, link in (
            ("p/a.py", tarfile.REGTYPE, ""),
            ("p/b.py", tarfile.LNKTYPE, "p/a.py"),
            ("p/c.py", tarfile.SYMTYPE, "/etc/passwd"),
            ("p/d.py", tarfile.FIFOTYPE, ""),
            ("p/g.py", tarfile.LNKTYPE, "p/gone.py"),
            ("./p/h.py", tarfile.LNKTYPE, "./p/a.py"),
            ("p/i.py", tarfile.LNKTYPE, "p/h.py"),
            ("../../e.py", tarfile.REGTYPE, ""),
            ("/f.py", tarfile.REGTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"x=1\n") if info.size else None)
    assert [(m.path, m.data) for m in members(tmp_path / "x.tar")] == [
        (f"{n}.py", b"x=1\n") for n in ("e", "f", "p/a", "p/b", "p/h", "p/i")
    ]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo("link.py")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
        archive.writestr("a.py", "old")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.py", "new")
    assert [(m.path, m.data) for m in members(tmp_path / "x.zip")] == [("a.py", b"new")]


def test_a_name_that_is_no_unicode_stays_writable(tmp_path):
    (tmp_path / "r").mkdir()
    for name in (b"caf\xe8.py", b"caf\xe9.py"):  # they stay apart
        with open(os.fsencode(tmp_path / "r") + b"/" + name, "wb") as stream:
            stream.write(TREE["mylib/alpha.py"].encode())
    found = harvest(resolve(str(tmp_path / "r"), tmp_path), OPTIONS, tmp_path / "texts").documents
    assert [one.path for one in found] == [one.row()["path"] for one in found] == ["caf\\xe8.py", "caf\\xe9.py"]
    with tarfile.open(tmp_path / "r.tar", "w") as archive:
        archive.add(tmp_path / "r", "r")
    assert [one.path for one in members(tmp_path / "r.tar")] == ["caf\\udce8.py", "caf\\udce9.py"]


@pytest.mark.parametrize("form", FORMS)
def test_damage_is_one_line_that_names_the_archive(tmp_path, form):
    data, path = pack(TREE, form), tmp_path / f"lib{form.rpartition('/')[2]}"
    for damaged in (data[: len(data) // 2], data[:100], b"", b"junk" * 500):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=f"^cannot read source .*{path.name}: .*; replace the file and run again$"):
            resolve(str(path), tmp_path)


def test_a_damaged_header_inside_a_tar_is_noticed(tmp_path):
    """tarfile takes it for the end, which would lose all that follows."""
    data = bytearray(pack({f"f{n}.py": f"x = {n}\n" for n in range(4)}, ".tar"))
    data[2 * 1024 + 148] ^= 1  # the checksum of the third header
    (tmp_path / "x.tar").write_bytes(data)
    with pytest.raises(UserError, match="damaged header"):
        resolve(str(tmp_path / "x.tar"), tmp_path)


def test_the_end_of_a_tar_is_read(tmp_path):
    """A wrong checksum at the end of the compression, and a second archive behind the first, which may hold the licence."""
    data, path = pack(TREE, ".tar.gz"), tmp_path / "x.tar.gz"
    for damaged, reason in (
        (data[:-8] + bytes(4) + data[-4:], "CRC check failed"),
        (data + pack({"LICENSE": GPL}, ".tar.gz"), "data behind the end"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=reason):
            resolve(str(path), tmp_path)
    path.write_bytes(
        gzip.compress(gzip.decompress(data)[:3000]) + gzip.compress(gzip.decompress(data)[3000:]) + bytes(9)
    )
    assert resolve(str(path), tmp_path).licence == "MIT"  # several members, padding


def test_mutated_archives_end_in_documents_or_one_line(tmp_path):
    seed = 7
    for number in range(100):
        outcome, details = check(seed, number, tmp_path)
        assert outcome != "FAILED", f"seed {seed}, case {number}: {details}"


@pytest.mark.parametrize(
    ("files", "licence"),
    [
        ({"LICENSE": MIT, "COPYING": GPL}, "GPL AND MIT"),
        ({"COPYING": GPL, "LICENSE-icons.txt": MIT}, "GPL AND MIT"),
        ({"LICENSE": MIT, "licence.md": MIT}, "MIT"),
        ({"LICENSE": "all ours"}, "unknown"),
        ({"LICENSE": GPL, "PKG-INFO": "Name: x\nLicense: MIT\n"}, "MIT"),
        ({"LICENSE": GPL, "x.dist-info/METADATA": "Name: x\nLicense-Expression: ISC\n"}, "ISC"),
        ({"PKG-INFO": "Name: x\n", "x.egg-info/PKG-INFO": "License: ISC\n"}, "ISC"),
        ({"x.dist-info/licenses/LICENSE": MIT}, "MIT"),
        ({}, "unknown"),
        ({"LICENSES/GPL-3.0-only.txt": GPL, "LICENSES/Classpath-exception-2.0.txt": "x"}, "GPL-3.0-only"),
        ({"LICENSE": MIT, "LICENSES/CC-BY-SA-4.0.txt": "x"}, "MIT AND CC-BY-SA-4.0"),
        ({"x.dist-info/licenses/licenses/COPYING.txt": GPL, "x.dist-info/licenses/MIT.txt": MIT}, "MIT AND GPL"),
        ({"GPL-LICENSE.txt": GPL, "COPYRIGHT": MIT}, "MIT AND GPL"),
        ({"LICENSE": "Mozilla Public License Version 2.0\n"}, "MPL"),
        ({"LICENSE": "Creative Commons Attribution-NonCommercial 4.0"}, "CC-BY with conditions"),
        ({"pyproject.toml": "[project]\nlicense = 'GPL-3.0-only'"}, "GPL-3.0-only"),
        ({"pyproject.toml": "[project]\nlicense = {text = 'MIT'}\nclassifiers = ['Topic :: X']"}, "MIT"),
        ({"pyproject.toml": "[tool.poetry]\nlicense = 'ISC'"}, "ISC"),
        ({"pyproject.toml": "[project]\nlicense = {file = 'LICENSE'}", "LICENSE": MIT}, "MIT"),
        ({"pyproject.toml": "[project"}, "unknown"),
        ({"pyproject.toml": "[project]\nlicense = 3"}, "unknown"),
    ],
)
def test_the_licence_of_a_project(files, licence):
    assert all(map(states_licence, files))
    assert project_licence(Path("x"), files) == licence


def test_licence_files_in_other_encodings(tmp_path):
    """Windows tools write a byte-order mark, or UTF-16."""
    for name, data in (("LICENSE", GPL.encode("utf-16")), ("PKG-INFO", b"\xef\xbb\xbfLicense: GPL\nName: x\n")):
        root = write(tmp_path / name, {"a.py": "x = 1\n"})
        (root / name).write_bytes(data)
        assert read_through(root)[0] == "GPL"


def test_only_files_at_the_top_state_the_licence():
    for path in (
        "a/LICENSE",
        "license.py",
        "licenses.txt",
        "tests/x.dist-info/METADATA",
        "METADATA",
        "a/PKG-INFO",
        "metadata",
        "licenses/vendored.txt",
        "LICENSES/sub/MIT.txt",
        "update_license.sh",
        "a/pyproject.toml",
    ):
        assert not states_licence(path), path


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        (f"License: {MIT}", "MIT"),
        ("License: MIT License\n        \n        Copyright (c) 2020 Me\n        \n        " + MIT, "MIT"),
        ("License: Copyright (c) 2020 Me\n\n" + MIT + "\n", "MIT"),
        (
            "License: Copyright (c) 2020 Me\n        \n        Redistribution and use in source\n        and binary forms, "
            "with or without",
            "BSD-3-Clause",
        ),
        ("License: BSD\nClassifier: License :: OSI Approved\n", "BSD"),
        ("License: UNKNOWN\nClassifier: Topic :: X\n", ""),
        (
            "Classifier: License :: OSI Approved :: ISC License (ISCL)\nClassifier: License :: OSI Approved :: MIT License",
            "ISC License AND MIT License",
        ),
        ("Name: x\n\nLicense: GPL\n", ""),
    ],
)
def test_the_licence_of_metadata(metadata, licence):
    assert metadata_licence(metadata) == licence
    assert is_permissive(licence) == bool(licence)


@pytest.mark.parametrize("field", ["License: GPL-3.0", f"License: {GPL}", "License: GNU General Public License"])
def test_a_licence_field_that_contradicts_the_classifiers(field):
    classifier = "Classifier: License :: OSI Approved :: MIT License"
    assert not is_permissive(metadata_licence(f"{field}\n{classifier}"))
    assert not is_permissive(metadata_licence(f"{classifier.replace('MIT', 'GNU')}\nLicense: MIT"))
    for other in ("Dual License", "MIT OR GPL-2.0", "PSF (GPL-compatible)", "UPL-1.0", "free for commercial use"):
        assert is_permissive(metadata_licence(f"{classifier}\nLicense: {other}")), other


PYPI = ["MIT No Attribution License (MIT-0)", "Zero-Clause BSD (0BSD)", "zlib/libpng License", "BSD License"]
PYPI += ["Boost Software License 1.0 (BSL-1.0)", "Historical Permission Notice and Disclaimer (HPND)"]
PYPI += ["The Unlicense (Unlicense)", "Python License (CNRI Python License)", "Apache Software License"]
PYPI += ["CC0 1.0 Universal (CC0 1.0) Public Domain Dedication"]
FREE = ["The MIT License (MIT)", "Apache 2.0 License", "Apache Software License 2.0", "BSD-3", "2-clause BSD", "PSF"]


@pytest.mark.parametrize("metadata", [f"Classifier: License :: {x}" for x in PYPI] + [f"License: {x}" for x in FREE])
def test_spellings_of_permissive_licences(metadata):
    assert is_permissive(metadata_licence(metadata))


@pytest.mark.parametrize("licence", ["Apache-2.0 WITH Commons-Clause", "BSD-4-Clause", "MIT-like", "MIT with GPL"])
def test_licences_that_only_look_permissive(licence):
    assert not is_permissive(licence) and is_permissive("Apache-2.0 WITH LLVM-exception")


STYLES = [
    "# {}",
    "// {}",
    "/* {} */",
    "/* {}*/",
    "<!-- {} -->",
    "<!--{}-->",
    "{{# {} #}}",
    ".. {}",
    "; {}",
    "% {}",
    "-- {}",
    '"""{}"""',
    '"# {}\\n",',
    "({})",
    "REM {}",
    "(* {} *)",
    "#!x\n# {}\r\n# more",
    "--[[ {} ]]",
    "<%-- {} --%>",
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "expression",
    [
        "MIT",
        "Apache-2.0 OR MIT",
        "GPL-2.0+",
        "(MIT OR ISC) AND BSD-3-Clause",
        "Apache-2.0 WITH LLVM-exception",
        "MIT and GPL-3.0-only",
        "LicenseRef-My.Own",
    ],
)
def test_an_spdx_line_in_a_comment_of_any_style(style, expression):
    assert file_licence("x\n" + style.format(f"SPDX-License-Identifier: {expression}")) == expression


def test_several_spdx_lines_all_hold():
    text = "# SPDX-License-Identifier: MIT OR ISC\n# SPDX-License-Identifier: GPL-3.0\n"
    assert file_licence(text) == "(MIT OR ISC) AND (GPL-3.0)" and not is_permissive(file_licence(text))
    assert file_licence("SPDX-License-Identifier:\nMIT") == ""


@given(
    st.lists(
        st.sampled_from(["MIT", "GPL-3.0", "AND", "OR", "WITH", "(", ")", "BSD 3 clause", "/", ";", "é"]), max_size=7
    )
)
def test_any_expression_has_an_answer(words):
    assert is_permissive(" ".join(words)) in (True, False)


def test_a_compressed_tar_is_not_read_again_for_each_file(tmp_path, monkeypatch):
    rewinds, rewind = [], gzip._GzipReader._rewind
    monkeypatch.setattr(gzip._GzipReader, "_rewind", lambda self: rewinds.append(1) or rewind(self))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for n in reversed(range(40)):
            info = tarfile.TarInfo(f"a/{n:02}.py")
            info.size = 100_000
            archive.addfile(info, io.BytesIO(os.urandom(100_000)))
    assert [member.path for member in members(tmp_path / "a.tar.gz")] == [f"{n:02}.py" for n in range(40)]
    assert len(rewinds) < 4
