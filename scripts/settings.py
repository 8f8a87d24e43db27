"""Settings of the shells (configs/settings.txt): --help, --check, the values in force, and what follows from them.

    python -m scripts.settings run_training_cert.sh --check
    python -m scripts.settings --training-help > configs/training/help.txt   # after a change of run_cert.py or transformers

scripts/common.sh evaluates what is printed: settings, flags of the programs, places. This runs before any environment is
made, so it needs the standard library alone.
"""

import os
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from nl2code.errors import UserError, exit_status
from scripts.corpus.lines import corpus_files
from scripts.generating.names import temperature_pairs
from scripts.generating.strategies import ONE_SKETCH
from scripts.shell.checks import ROOT, SOURCES, has_gpu, need_disk, refuse_misspelt, wrong
from scripts.shell.preset_lines import preset_file, preset_values
from scripts.shell.together import need_exercises, refuse_idle, refuse_sampling, refuse_single, refuse_unfetched
from scripts.shell.training_flags import training_arguments, training_help
from scripts.shell.which_models import model_folders

COMMANDS = {"run_training_cert.sh": "t", "run_generating_codes.sh": "g", "run_evaluating_codes.sh": "e"}
COMMANDS |= {"run_quickstart.sh": "q", "run_encode_domain.sh": "n", "run_tests.sh": "s"}
SECTIONS = ("corpus", "encoding", "training", "sampling", "two_stages", "evaluation")
TABLE = re.sub(r"^#.*\n|\n(?=[ ])", "", (ROOT / "configs/settings.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
ROWS = [[cell.strip() for cell in re.split(r" \|(?= |$)", row)] for row in TABLE.strip().split("\n")]
FLAGS = {flag.partition(":--")[2].upper(): row[0] for row in ROWS for flag in row[4].split() if ":--" in flag}
STAGED = ("cert", "shipped")  # values of MODEL_VERSION that are sketcher and generator
DOMAINS = list(dict.fromkeys(domain for entry in SOURCES for domain in entry["domains"]))


class Settings:
    """The settings of one command, checked.

    Attributes:
        given: name -> value, what the user set.
        value: name -> value in force; empty where a program decides.
        shell: further variables of the shell: texts, lists, and mappings by type of model.
        notes: what the user set and what changes nothing.
    """

    def __init__(self, script: str, arguments: list[str], environment: dict[str, str], made: bool = False):
        """Check everything.

        Args:
            arguments: those behind the command's name.
            made: do not ask for models and samples, because earlier commands make them.

        Raises:
            UserError: a setting that is unknown, wrong, or does not fit.
        """
        self.letter, self.environment, self.made = COMMANDS[script], environment, made
        self.rows = [row for row in ROWS if self.letter in row[1]]
        self.given = {row[0]: environment[row[0]] for row in self.rows if environment.get(row[0])}
        self.shell: dict[str, str | list | dict] = {}
        self.notes: list[str] = []
        refuse_misspelt(environment, {row[0] for row in ROWS}, FLAGS)
        if "CERT_LOCKED" not in environment and self.letter in "tgen":  # not started by another command
            set_here = {row[0] for row in ROWS if environment.get(row[0])} - {"RESULTS_DIR"}  # a place may be exported
            others = sorted(set_here - {row[0] for row in self.rows})
            self.notes += [f"{name} is no setting of {script}; it changes nothing" for name in others]
        extra = training_arguments(arguments, self.given, self.training_settings()) if self.letter == "t" else []
        if arguments and self.letter not in "ts":
            raise UserError(f"unknown argument {arguments[0]}; settings are environment variables, see {script} --help")
        self.value = {row[0]: self.given.get(row[0], row[2]) for row in self.rows}
        self.value |= {"MODEL_VERSION": "cert"} if self.value.get("MODEL_VERSION") == "CERT" else {}  # the original's
        if "DOMAIN" in self.value:
            self.need_domain()
        if "PROBLEMS" in self.value:
            from pandas_numpy_eval import benchmark_name

            self.value["PROBLEMS"] = benchmark_name(self.value["PROBLEMS"] or self.value["DOMAIN"])
        for name, _, _, check, *_ in self.rows:
            if self.value[name] and (problem := wrong(check, self.value[name])):
                raise UserError(f"{name}={self.value[name]} {problem}")
        refuse_unfetched(self.value, environment)
        self.read_presets()
        if "BASE_MODEL" in self.value:
            self.add_places()
        self.shell |= {f"{section.upper()}_FLAGS": self.flags(section) for section in SECTIONS}
        if not {"CERT_PYTHON", "VIRTUAL_ENV"} & environment.keys() and not (ROOT / ".venv/.installed").is_file():
            need_disk(6000, ROOT)  # for the environment that will be made
        processes = self.value.get("NPROC") or self.value.get("PROCESSES", "1")
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", processes]
        self.shell["LAUNCH"] = torchrun if processes != "1" else []
        follow = {"t": self.train, "n": self.encode, "g": self.generate, "e": self.evaluate, "q": self.quickstart}
        follow.get(self.letter, dict)()
        self.shell["TRAINING_FLAGS"] += extra

    def training_settings(self) -> dict[str, str]:
        """Flag of run_cert.py -> the setting that stands for it. SEED also sets other programs' seeds."""
        flags = {flag: row[0] for row in self.rows for flag in row[4].split() if row[0] != "SEED"}
        return {flag.removeprefix("training:"): name for flag, name in flags.items() if flag.startswith("training:")}

    def need_domain(self) -> None:
        """DOMAIN is known, or a library of the user's own that has sources or data."""
        domain, known = self.value["DOMAIN"], DOMAINS + ["HumanEval"] * (self.letter in "ge")
        brought = {"SOURCES", "INPUT"} & {name for name, text in self.environment.items() if text}
        has_data = brought or Path(self.value["DATA_DIR"], domain).is_dir()
        own = re.fullmatch("[A-Za-z][A-Za-z0-9_]*", domain) and has_data
        if domain not in known and not own:
            advice = "for a library of your own set SOURCES to its folders or archives as well"
            if self.letter in "ge":
                advice = "a library of your own is trained first, by run_training_cert.sh with its SOURCES"
            raise UserError(f"DOMAIN={domain} is not one of: {' '.join(known)}; {advice}")

    def read_presets(self) -> None:
        """Give settings that the user left unset the values of the preset files."""
        found: dict[str, str] = {}
        for name, check in ((row[0], row[3]) for row in self.rows if row[3].startswith("preset ")):
            file = self.shell[f"{name}_FILE"] = preset_file(check.split()[1], self.value[name])
            found |= preset_values(Path(file).read_text(encoding="utf-8", errors="replace"))
        if self.value.get("MODEL_VERSION") in STAGED:  # as in their program, their section wins
            own = {flag: text for flag, text in found.items() if flag.startswith("two_stages:")}
            found |= {flag.replace("two_stages:", "sampling:"): text for flag, text in own.items()}
        for name, _, _, _, flags, _ in self.rows:
            self.value[name] = self.value[name] or next((found[flag] for flag in flags.split() if flag in found), "")

    def flags(self, section: str) -> list[str]:
        """What the user set, as flags of the program that a section of a preset file belongs to."""
        pairs = [(flag, self.given[row[0]]) for row in self.rows for flag in row[4].split() if row[0] in self.given]
        pairs = [(flag.partition(":")[2], value) for flag, value in pairs if flag.startswith(f"{section}:")]
        names = ("--unsafe", "--ignore_incomplete", "-isdebug")
        switches = {(flag, number): [flag] * int(number) for flag in names for number in "01"}
        return [part for pair in pairs for part in switches.get(pair, pair)]

    def add_places(self) -> None:
        """TYPES, and by type SHARDS and RUNS: every base, preset and operation has places of its own."""
        value, both = self.value, ["sketcher", "generator"]
        kind = value.get("TYPE") or value["MODEL_VERSION"]
        types = both if kind in (*STAGED, "all") else [kind] if "TYPE" in value or kind == "normal" else []
        value["OPERATION"] = value["OPERATION"] or "constants"
        suffix = "" if value["OPERATION"] == "constants" or kind == "normal" else f"_{value['OPERATION']}"
        two = set(types) & set(both)
        idle = [] if two else ["OPERATION", "TEMP2", "SKETCH_STRATEGY", "SKETCHES_PER_SAMPLE", "SKETCHER", "GENERATOR"]
        served = kind.startswith("openai:")
        idle += ["BASE_MODEL"] if served else ["BASE_URL", "ENDPOINT", "CONCURRENCY", "REQUESTS_PER_MINUTE"]
        idle += ["CONTINUATION_RATIO", "WHOLE_DOCUMENTS"] if kind == "normal" else []
        idle += ["RUN_NAME"] if self.letter == "g" and kind not in ("cert", "normal") else []
        self.notes += [f"{name} changes nothing for {kind}" for name in idle if name in self.given]
        self.given = {name: text for name, text in self.given.items() if name not in idle}
        if not two and self.letter in "tn":
            self.given["OPERATION"] = "constants"  # whatever the preset says
        name = f"{os.path.basename(os.path.abspath(value['BASE_MODEL']))}_{Path(value['PRESET']).stem}{suffix}"
        value["RUN_NAME"] = value.get("RUN_NAME") or name
        data = f"{value['DATA_DIR']}/{value['DOMAIN']}"
        shards = {of: value.get("OUTPUT") or f"{data}/{of}_bin/{name}" for of in types}
        runs = {of: f"{data}/experiments/{of}_models/{value['RUN_NAME']}" for of in types}
        self.shell |= {"TYPES": types, "SHARDS": shards, "RUNS": runs}

    def corpus(self) -> str:
        """Folder of the domain's corpus: data/DOMAIN/data where a corpus of the user's own lies there, else its PRESET."""
        folder, ours = Path(self.value["DATA_DIR"], self.value["DOMAIN"], "data"), self.value["DOMAIN"] in DOMAINS
        made = folder / Path(self.value["PRESET"]).stem
        marks = ["record.json", *["corpus_stats.json"] * ours]  # of a corpus that this project made, now or formerly
        own = bool(corpus_files(folder / "train")) and not any((folder / mark).exists() for mark in marks)
        if own and "SOURCES" not in self.given:
            for name in {"KINDS", "EXERCISES", "NEAR_COPIES", "SPLIT_BY"} & self.given.keys():
                raise UserError(f"{name}={self.given[name]} needs SOURCES; the corpus in {folder} is used as it is")
            return str(folder)
        if not ours and "SOURCES" not in self.given and not (made / "train").is_dir():
            raise UserError(f"DOMAIN={self.value['DOMAIN']} has no corpus in {made}; set SOURCES to code that uses it")
        return str(made)

    def train(self) -> None:
        """CORPUS and LAUNCH."""
        value, shell = self.value, self.shell
        shell["CORPUS"] = self.corpus()
        if value["KINDS"]:  # else the preset says nothing that is read here
            refuse_idle(self.given, value["KINDS"])
            need_exercises(value, self.given, str(shell["PRESET_FILE"]))
        if value["PRECISION"] == "fp16" and not has_gpu():
            raise UserError(f"PRECISION={value['PRECISION']} needs a GPU, none is here; use PRECISION=auto")
        need_disk(2000, value["DATA_DIR"])
        if subprocess.run([sys.executable, "-m", "scripts.fetch", "--verify"], stdout=subprocess.DEVNULL).returncode:
            raise SystemExit(1)  # it said which file is not what it should be
        if value["ACCELERATE"]:
            launch = ["-m", "accelerate.commands.launch", "--config_file", value["ACCELERATE"]]
            shell["LAUNCH"] = [*launch, "--num_processes", value["NPROC"]]

    def encode(self) -> None:
        """CORPUS of scripts/run_encode_domain.sh."""
        if self.value["OUTPUT"] and self.value["TYPE"] == "all":
            raise UserError(f"OUTPUT={self.value['OUTPUT']} with TYPE=all; set TYPE to one type, or leave OUTPUT unset")
        self.shell["CORPUS"] = self.value["INPUT"] or self.corpus()

    def generate(self) -> None:
        """PROGRAM, its models, the types that have to be trained first, and the launcher."""
        value, shell = self.value, self.shell
        models = model_folders(value, self.given, shell["RUNS"], self.notes)
        missing = [of for of, folder in models.items() if not value.get(of.upper()) and not Path(folder).is_dir()]
        if missing and not self.made:
            if value["PRESET"] != "quick":
                names = ["DOMAIN", *({"PRESET", "BASE_MODEL", "OPERATION", "RUN_NAME", "DATA_DIR"} & self.given.keys())]
                chosen = " ".join(f"{name}={shlex.quote(value[name])}" for name in sorted(names))
                command = f"{chosen} bash run_training_cert.sh"
                raise UserError(f"no {missing[0]} at {models[missing[0]]}; train it first, such as: {command}")
            Settings("run_training_cert.sh", [], {**self.environment, "TYPE": missing[0]})
        version = value["MODEL_VERSION"]
        if version.startswith("openai:") and not value["BASE_URL"]:
            raise UserError(f"MODEL_VERSION={version} needs BASE_URL, its server, such as http://localhost:8000/v1")
        single = value["BASE_MODEL"] if version == "base" else models.get("normal", version)
        two = [part for of, folder in models.items() for part in (f"-{of}", folder)]
        staged = version in STAGED
        shell["PROGRAM"] = "eval_cert_unified.py" if staged else "eval_cert.py"
        shell["MODELS"] = two if staged else ["-model", single]
        shell["MISSING"] = missing
        adapter = any(
            (folder / "adapter_config.json").is_file() for folder in (Path(version), ROOT / "models" / version)
        )
        shell["NEEDS_BASE"] = "1" if version in (*STAGED, "base", "normal") or adapter else ""
        refuse_sampling(value, self.given, ONE_SKETCH)
        if staged and value["SKETCH_STRATEGY"] in ONE_SKETCH:
            value["SKETCHES_PER_SAMPLE"] = "1"
        names = ("TEMP", "TEMP2")[: 1 + staged]
        with suppress(ValueError):  # a protocol's value that is no number, which its program refuses
            temperatures = [[float(part) for part in value[name].split(",")] for name in names]
            temperature_pairs(*temperatures, names=[f"{name}={value[name]}" for name in names])
        shell["SAMPLING_FLAGS"] += shell["TWO_STAGES_FLAGS"]
        value["DEVICE"] = value["DEVICE"] or ("cuda" if has_gpu() else "cpu")
        if "DEVICE" not in self.given and value["BACKEND"] != "vllm" and not version.startswith("openai:"):
            shell["SAMPLING_FLAGS"] += ["--device", value["DEVICE"]]
        need_disk(500, value["RESULTS_DIR"])

    def evaluate(self) -> None:
        """SCORES, the folder that the report covers; empty for a sample file outside RESULTS_DIR."""
        value, results = self.value, Path(self.value["RESULTS_DIR"])
        folder = results / Path(value["PROBLEMS"]).name.partition(".json")[0]
        if given := value["SAMPLES"]:
            folder = place if (place := Path(given).parent).resolve().is_relative_to(results.resolve()) else ""
            self.notes += [] if folder else [f"no report, because SAMPLES={given} lies outside RESULTS_DIR={results}"]
        elif not self.made and not [*folder.glob("*/*.samples.jsonl"), *folder.glob("*/*.samples.jsonl.gz")]:
            Settings("run_generating_codes.sh", [], self.environment)
        self.shell["SCORES"] = str(folder)
        need_disk(500, value["RESULTS_DIR"])

    def quickstart(self) -> None:
        """The commands that follow, for every domain; SHIPPED, the domains whose shipped models fit these settings."""
        refuse_single(self.environment)
        need_disk(3000, ROOT)
        shipped = self.shell["SHIPPED"] = []
        for domain in self.value["DOMAINS"].split():
            own = {**self.environment, "DOMAIN": domain, "MODEL_VERSION": ""}
            for script in ("run_training_cert.sh", "run_generating_codes.sh", "run_evaluating_codes.sh"):
                Settings(script, [], own, made=True)
            with suppress(UserError):
                Settings("run_generating_codes.sh", [], {**own, "MODEL_VERSION": "shipped"}, made=True)
                shipped.append(domain)

    def assignments(self) -> str:
        """Everything as code for bash; SHOWN is the text for people."""
        shown = [f"   {name}={value}" for name, value in self.value.items()] + [f"note: {note}" for note in self.notes]
        lines = []
        for name, value in {**self.value, **self.shell, "SHOWN": "\n".join(shown)}.items():
            if isinstance(value, dict):
                pairs = [f"[{key}]={shlex.quote(part)}" for key, part in value.items()]
                lines.append(f"declare -gA {name}=({' '.join(pairs)})")
            else:
                lines.append(f"{name}=" + (f"({shlex.join(value)})" if isinstance(value, list) else shlex.quote(value)))
        return "\n".join(lines)


def help_text(script: str) -> str:
    """The comment at the top of a command, and its settings."""
    file = ROOT / script if (ROOT / script).is_file() else ROOT / "scripts" / script
    comment = re.match(r"#!.*\n((?:#.*\n)*)", file.read_text(encoding="utf-8"))[1]
    lines = [*re.sub(r"(?m)^# ?", "", comment).split("\n"), "Settings (environment variables):"]
    for name, commands, default, _, _, text in ROWS:
        if COMMANDS[script] in commands:
            lines.append(f"  {name:<18} {' '.join(text.split())}" + f" [{default}]" * bool(default))
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    script, *arguments = sys.argv[1:] if argv is None else argv

    def work() -> None:
        if script in ("-h", "--help"):
            print(__doc__)
        elif script == "--training-help":
            print(training_help())
        elif {"-h", "--help"} & set(arguments):
            print(help_text(script))
        elif "--check" in arguments:
            settings = Settings(script, [argument for argument in arguments if argument != "--check"], dict(os.environ))
            print("\n".join([*(f"note: {note}" for note in settings.notes), f"== {script}: settings are fine"]))
        else:
            print(Settings(script, arguments, dict(os.environ)).assignments())

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())
