"""The first second of a program: signals, and readers of its output that leave."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alrun.system import early

RUN = ["alrun", "debug=fast", "strategy=random"]


def started(words: list[str], cwd: Path, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *words], cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def said_to_nobody(process: subprocess.Popen[str]) -> str:
    """What a program says on stderr whose reader of stdout leaves at once."""
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    return process.stderr.read()


def told(words: list[str], cwd: Path, number: int, module: str) -> tuple[int, str]:
    """Exit status and last words of a program that is sent a signal while it imports ``module``."""
    # Python tells which modules it imports, so that no clock decides where the signal comes.
    with started(words, cwd, env={**os.environ, "PYTHONVERBOSE": "1"}) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if re.match(rf"# code object from \S*/{module}/__init__.py|# \S*/{module}/\S* matches", line):
                process.send_signal(number)
                break
        # Python's line may be cut short by the sentence, which is then its end.
        rest = re.sub(r"(# |import )[^\n]*?(?=Stopped by a signal|Interrupted\.)", "", process.stderr.read())
        said = [line.strip() for line in rest.splitlines() if not is_of_python(line)]
        process.wait(60)
    return process.returncode, "\n".join(said)


def is_of_python(line: str) -> bool:
    """Whether a line tells of an import."""
    return re.match(r"# |import |\s*$", line) is not None


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (RUN, "hydra"),
        (RUN, "antlr4"),
        (RUN, "torch"),
        (["alrun", "status"], "hydra"),
        (["alrun", "report"], "hydra"),
        (["alrun", "ask", "dataset=digits"], "hydra"),
        (["alrun", "plan"], "antlr4"),
    ],
)
def test_ctrl_c_during_imports_is_one_sentence(tmp_path, words, module):
    status, said = told(words, tmp_path, signal.SIGINT, module)
    assert (status, said) == (130, early.SAYS)
    assert not list(tmp_path.glob("outputs/runs/*/*"))


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1"])
def test_a_signal_before_the_run_says_to_try_again(tmp_path, name):
    status, said = told(RUN, tmp_path, getattr(signal, name), "hydra")
    assert (status, said) == (75, "Stopped by a signal: type the same command again.")


def test_an_application_that_imports_alrun_keeps_its_handlers(tmp_path):
    probe = "import signal, sys, alrun; from alrun.system import early; "
    probe += "sys.exit(signal.getsignal(signal.SIGINT) is early.stop_process or isinstance(sys.stdout, early.Patient))"
    assert subprocess.run([sys.executable, "-c", probe], cwd=tmp_path).returncode == 0


def test_ctrl_c_waits_for_an_import_and_is_not_lost():
    seen = []

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

    def imported():
        with early.holding_ctrl_c():
            try:
                interrupt()
            except BaseException as error:  # what a library might do
                seen.append(error)
            seen.append("the import ended")

    with pytest.raises(KeyboardInterrupt):
        imported()
    assert seen == ["the import ended"]
    with pytest.raises(KeyboardInterrupt):  # as before
        interrupt()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words",
    [
        ["alrun", "status", "-m", "seed=range(0,40)", "--runs"],
        ["alrun", "plan", "-m", "seed=range(0,40)", "--runs"],
        ["alrun", "--help"],
    ],
    ids=" ".join,
)
def test_a_reader_that_leaves_is_no_error(tmp_path, words, unbuffered):
    with started(words, tmp_path, env={**os.environ, "PYTHONUNBUFFERED": unbuffered}) as process:
        said = said_to_nobody(process)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


def test_a_sweep_whose_reader_leaves_is_computed_and_summarized(tmp_path):
    with started(["alrun", "debug=fast", "-m", "strategy=random", "seed=0,1"], tmp_path) as process:
        said = said_to_nobody(process)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert len(list(tmp_path.glob("outputs/runs/*/*/done"))) == 2
    assert list(tmp_path.glob("outputs/runs/*/summary.csv"))


def test_what_is_printed_reaches_a_reader_that_stays(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-m", "alrun", "status", "-m", "seed=range(0,40)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert answer.stdout.splitlines()[0].startswith("40 runs: 40 waiting.")
