"""The pages of docs/: their blocks of Python print what is shown; their tables are those of the code and of real files."""

import io
import json
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import yaml

import run_cert
from nl2code import indexed_dataset
from pandas_numpy_eval import evaluate_functional_correctness, evaluation
from scripts import encode_domain, prepare_corpus, settings
from scripts.corpus.lines import MAX_CHARACTERS, parse_line
from scripts.encoding import plan
from scripts.file_utils import read_jsonl
from scripts.generating import options, served, units
from scripts.presets import SECTIONS
from scripts.shell import training_flags
from scripts.shell.checks import RENAMED
from scripts.sketches import continuations, placeholders, user_names
from scripts.sketches.sketch import transform_code_to_sketch

ROOT = Path(__file__).resolve().parents[2]
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
FORMATS, ORIGINAL = PAGES["FORMATS"], PAGES["from-the-original"]
BLOCK = re.compile(r"```python\n(.*?)```\n(?:```text\n(.*?)```\n)?", re.DOTALL)


def table(page: str, heading: str, number: int = 0) -> list[list[str]]:
    """The cells of a table in a section, without its head."""
    section = page[page.index(f"\n## {heading}\n") + 4 :].partition("\n## ")[0]
    found = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[number]
    return [re.split(r" *\| *", line)[1:-1] for line in found.split("\n")[2:-1]]


def code(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def run(page: str) -> dict:
    """Run the blocks of Python in one session and compare what they print; return the names that they leave."""
    session = {"__name__": "docs"}
    for block, shown in BLOCK.findall(PAGES[page]):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(block, f"docs/{page}.md", "exec"), session)
        assert printed.getvalue() == shown, block
    return session


@pytest.fixture(scope="module")
def walk() -> Path:
    """The folder that the walkthrough leaves: corpus, tiny model, shards, samples, results."""
    return run("WALKTHROUGH")["folder"]


@pytest.fixture(scope="module")
def records(walk, tmp_path_factory) -> dict[str, dict]:
    """A real record of each stage."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "code").mkdir()
    (folder / "code/cities.py").write_text(json.loads((walk / "corpus/train/part-00000.jsonl").read_text())["content"])
    flags = f"-d Shop --library pandas --kinds code --sources {folder}/code -o {folder}/corpus --tokenizer {walk}/tiny"
    assert prepare_corpus.main(shlex.split(flags)) == 0
    prefix = walk / "shards/train"
    flags = f"--model_name_or_path {walk}/tiny --train_file {prefix} --validation_file {prefix} --max_steps 1"
    flags += (
        f" --output_dir {folder}/run --block_size 64 --per_device_train_batch_size 1 --report_to none --use_cpu true"
    )
    assert run_cert.main(shlex.split(flags)) == 0
    places = {"corpus": folder / "corpus/record.json", "encoding": walk / "shards/train.record.json"}
    places |= {"training": folder / "run/record.json", "generation": walk / "walk.meta.json"}
    return {stage: json.loads(place.read_text()) for stage, place in places.items()} | {
        "corpus folder": folder / "corpus"
    }


def test_walkthrough(walk):
    assert len(BLOCK.findall(PAGES["WALKTHROUGH"])) == 12


@pytest.mark.parametrize("page", ["FORMATS", "scaling"])
def test_blocks(page):
    run(page)


@pytest.mark.parametrize("page", ["WALKTHROUGH", "FORMATS", "from-the-original", "scaling"])
def test_pages(page):
    """Lengths, links, and files that are named."""
    text = PAGES[page]
    assert text.count("\n") <= 300
    assert [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not (ROOT / "docs" / link).exists()] == []
    theirs = r"scripts/file_utils.py -f|pandas-numpy-eval/data"  # files of the original
    ours = r"(?:nl2code|scripts|tests|configs)/[\w/.*-]+\.(?:py|sh|yaml)"
    prose = re.sub(r"(?s)```.*?```", "", text)
    named = [name for part in code(prose) for name in re.findall(rf"^{ours}", part) if not re.match(theirs, part)]
    assert len(named) >= 8 and [name for name in named if not list(ROOT.glob(name))] == []


def test_placeholders():
    rows = table(FORMATS, "Sketches")
    for name, example, *columns in rows:
        for literals, expected in zip(("compat", "strict"), columns, strict=True):
            assert [transform_code_to_sketch(code(example)[0], literals=literals)] == code(expected), (name, literals)
    shown = {word for row in rows for cell in row[2:] for word in re.findall(r"\w+", cell)}
    assert set(placeholders.STRICT.values()) <= shown
    words = FORMATS[FORMATS.index("The operation `names`") :].partition(" Kept")[0]
    assert set(user_names.NAME_WORDS) == set(code(words)[1:])


def test_numbers_of_documents():
    limits = (continuations.PROMPT_LIMIT, continuations.IMPORTS_LIMIT, continuations.REST_LIMIT, MAX_CHARACTERS)
    assert limits == (2_000, 400, 600, 10_000_000)
    assert re.findall(r"2,000\s+characters, the file's imports \(400 |at most (600) |more than (10,000,000) ", FORMATS)


def test_corpus_line(records):
    keys = [name for row in table(FORMATS, "Corpus line") for name in code(row[0])]
    (line,) = read_jsonl(next((records["corpus folder"] / "train").glob("*.jsonl.gz")))
    feature = line.pop("feature")
    assert sorted(keys) == sorted([*line, *(f"feature.{name}" for name in feature)])
    assert parse_line(b'{"content": "x", "stars": -3}') == ("x", (0.0, 1.0, 1.0))


def test_index():
    rows = table(FORMATS, "Shards")
    known = {str(number): np.dtype(text) for number, text in indexed_dataset.DTYPES.items()}
    assert dict(re.findall(r"(\d+) ([uif]\d+)", rows[2][2])) == {
        k: f"{t.kind}{8 * t.itemsize}" for k, t in known.items()
    }
    assert sum(int(row[0]) for row in rows[:4]) == indexed_dataset.HEADER.size == 26
    assert code(rows[0][2]) == [repr(indexed_dataset.MAGIC)[2:-1].replace(r"\x00", r"\0")]


def test_records(records):
    keys = [key for row in table(FORMATS, "Records") for key in code(row[0])]
    rows = {row[0]: row for row in table(FORMATS, "Records", 1)}
    assert list(rows) == code(table(FORMATS, "Records")[0][1])
    for stage, (_, _, inputs, named, own) in rows.items():
        record = records[stage]
        assert record["stage"] == stage and set(keys) <= set(record)
        (extra,) = set(record) - set(keys)
        assert extra == code(own)[0] and set(record["run"]) <= {"seconds", "git_revision", "versions", "command"}
        if isinstance(record[extra], dict):
            assert list(record[extra]) == code(own)[1:]
        if stage != "training":
            assert set(record["settings"]) == set(code(named))
        patterns = [re.sub("NAME|FILE|I", ".+", name) for name in code(inputs)]
        if stage == "generation":
            ends = [name for name in patterns if name[0] == "_"]
            patterns += [f"({'|'.join(patterns[:3])}){end}" for end in ends]
        assert [name for name in record["inputs"] if not any(re.fullmatch(p, name) for p in patterns)] == []
        assert {len(facts["sha256"]) for facts in record["outputs"].values()} == {64}
    assert {"learning_rate", "block_size", "lora_r", "seed", "processes"} <= set(records["training"]["settings"])
    formats = {"corpus": prepare_corpus.FORMAT, "encoding": plan.FORMAT, "generation": units.FORMAT}
    assert {stage: records[stage]["format"] for stage in formats} == formats


def test_problems():
    files = (ROOT / "pandas-numpy-eval/pandas_numpy_eval/data").glob("Cert*.jsonl")
    found = {key for file in files for problem in read_jsonl(file) for key in problem}
    assert found | {"level"} == {key for row in table(FORMATS, "Problems") for key in code(row[0])}


def test_samples_and_results(walk):
    found = {key for row in read_jsonl(walk / "walk_results.jsonl") for key in row}
    assert found == {"passed", "result", *(key for row in table(FORMATS, "Samples") for key in code(row[0]))}


def test_metrics(walk):
    metrics = json.loads((walk / "walk_metrics.json").read_text())
    rows = [(code(row[0]), row[1]) for row in table(FORMATS, "Results and metrics")]
    written = {key for keys, _ in rows for key in keys} - {"by_level"}  # the walkthrough's problem has no level
    assert {re.sub(r"pass@\d+", "pass@K", key) for key in metrics} == written
    for (key, *more), content in rows:
        if not more and key in ("benchmark", "samples", "ceiling", "run"):
            assert list(metrics[key]) == code(content), key
        if key == "versions":
            assert code(content) == list(metrics["limits"])
    assert list(metrics["pass@1"]) == ["value", "ci95"]
    assert metrics["inputs"]["format"] == evaluation.FORMAT


def test_optional_keys_of_problems():
    """On the page of the package as in FORMATS."""
    page = (ROOT / "pandas-numpy-eval/README.md").read_text()
    (told,) = re.findall(r"(?m)^\| problems \|.*; optional (.*) \|$", page)
    (row,) = (row for row in table(FORMATS, "Problems") if row[1].startswith("optional;"))
    assert [name.strip('"') for name in code(told)] == code(row[0])


def test_presets():
    assert tuple(code(row[0])[0] for row in table(FORMATS, "Presets")) == SECTIONS
    for kind, sections in (("training", SECTIONS[:3]), ("generating", SECTIONS[3:])):
        for file in (ROOT / "configs" / kind).glob("*.yaml"):
            assert tuple(yaml.safe_load(file.read_text())) == sections


def flags(text: str) -> set[str]:
    """Flags in a text, `-m` of Python left out."""
    return set(re.findall(r"(?<![\w.-])--?[A-Za-z][\w-]*", text)) - {"-m"}


def flags_of(*cells: str) -> set[str]:
    return {flag for cell in cells for part in code(cell) for flag in flags(part)}


def known_flags(program, capsys) -> set[str]:
    """The flags in a program's help."""
    with pytest.raises(SystemExit):
        program()
    return flags(capsys.readouterr().out)


GENERATION, ENCODING = "eval_cert.py and eval_cert_unified.py", "scripts/encode_domain.py"
PROGRAMS = {
    GENERATION: lambda: options.parse_args(["--help"], "", two_stages=True),
    ENCODING: lambda: encode_domain.parse_args(["--help"]),
    "evaluate_functional_correctness": lambda: evaluate_functional_correctness.main(["--help"]),
}
TRAINING_FLAGS = training_flags.training_flags((ROOT / "configs/training/help.txt").read_text())


def compare(rows: list[list[str]], known: set[str]) -> None:
    """Where our side says "same" the old flags are known; what else it names, too; what it denies is not."""
    for old, ours, *_ in rows:
        if ours.startswith("not there"):
            assert flags_of(old).isdisjoint(known), old
        else:
            assert flags_of(*[ours, old] if ours.startswith("same") else [ours]) <= known, old


def test_sizes_of_units():
    """As they are told to users of the original."""
    (row,) = (row for row in table(ORIGINAL, "Deliberate differences") if "`--unit_size`" in row)
    sizes = options.DEFAULTS["unit_size"], served.UNIT
    assert "units of about {} samples (of servers {})".format(*sizes) in row[1]


@pytest.mark.parametrize("program", PROGRAMS)
def test_flags_of_the_original(program, capsys):
    rows = table(ORIGINAL, f"Flags of {program}")
    known = known_flags(PROGRAMS[program], capsys)
    compare(rows, known)
    if program == GENERATION:
        single = known_flags(lambda: options.parse_args(["--help"], "", two_stages=False), capsys)
        assert flags_of(*(row[0] for row in rows)) - single == {
            "-model2",
            "--model2_name_or_path",
            "-t2",
            "--temperature2",
        }


def test_flags_of_training():
    compare(table(ORIGINAL, "Flags of run_cert.py"), TRAINING_FLAGS)


def test_variables_of_the_original(capsys):
    """Our settings and flags exist; the defaults of the presets are those of the preset files."""
    rows, found = {row[0]: row for row in settings.ROWS}, {"quick": {}, "paper": {}}
    for preset, values in found.items():
        for kind in ("training", "generating"):
            for section, part in yaml.safe_load((ROOT / f"configs/{kind}/{preset}.yaml").read_text()).items():
                values |= {f"{section}:--{name}": str(value) for name, value in part.items()}
    known, compared = TRAINING_FLAGS | known_flags(PROGRAMS[ENCODING], capsys), 0
    left_alone = {"AMLT_DATA_DIR", "BASE_DIR", "WANDB_PROJECT", "WANDB_API_KEY"}
    for old, ours, _, default in table(ORIGINAL, "Variables of the shells"):
        variables = {part.partition("=")[0] for part in code(old)}
        assert variables - set(rows) - left_alone - set(RENAMED) <= {"MAX_TOKNES"}  # two letters swapped
        names = [name for name in code(ours) if re.fullmatch("[A-Z_]+2?", name)]
        assert set(names) <= set(rows) and flags_of(ours) <= known, ours
        for preset, shown in re.findall(r"(quick|paper) ([\d.,e -]+)(?:;|$)", default):
            for name, value in zip(names, re.split(", ", shown), strict=bool(names)):
                compared += bool(name)
                values = [found[preset].get(flag) for flag in rows[name][4].split()]
                assert value.replace(",", "") in values, (name, preset)
    assert compared >= 14


def test_switches_of_the_differences(capsys):
    known = TRAINING_FLAGS | known_flags(PROGRAMS[GENERATION], capsys) | known_flags(PROGRAMS[ENCODING], capsys)
    known |= known_flags(PROGRAMS["evaluate_functional_correctness"], capsys)
    for *_, switch in table(ORIGINAL, "Deliberate differences"):
        named = {name for part in code(switch) for name in re.findall(r"\b[A-Z_]{3,}\b", part)}
        assert named <= {row[0] for row in settings.ROWS} and flags_of(switch) <= known, switch
