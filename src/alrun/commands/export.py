"""``alrun export``: the trained classifier of a run, with its classes and preprocessing, for other programs.

    alrun export outputs/runs/<setting>/<run> to=classifier
    alrun export flowers/ to=classifier --onnx

It writes weights.pt, a state dict of torch, and classifier.json, which says what the classes are, what the classifier
takes and what is done to it first. --onnx adds classifier.onnx, which needs neither torch nor alrun, after onnxruntime
has predicted the same with it (pip install 'alrun[onnx]').
"""

import os
from pathlib import Path

from alrun.commands import console
from alrun.commands.advise import find_run
from alrun.runs.run_folder import display_path
from alrun.settings import planned_runs
from alrun.system import early
from alrun.system.errors import SettingError, StorageError, writing


def main() -> None:
    """Read the command line and write the files."""
    parser = console.make_parser("export", __doc__)
    parser.add_argument("run", metavar="RUN", help="folder of a run or of a labeling project")
    parser.add_argument("to", metavar="to=FOLDER", help="where the files go")
    parser.add_argument("--onnx", action="store_true", help="write classifier.onnx too")
    arguments = parser.parse_intermixed_args()
    with console.reporting_mistakes():
        key, _, target = arguments.to.partition("=")
        if key != "to" or not target:
            raise SettingError(f"{arguments.to}: say where the files go, as to=classifier.")
        export(arguments.run, Path(target), arguments.onnx)


def export(source: str, folder: Path, with_onnx: bool) -> None:
    """Write the classifier of the run in ``source`` to ``folder``.

    Raises:
        UserError: There is no such run, it has no trained model, or the folder cannot be written to.
    """
    if os.path.isfile(folder):
        raise StorageError(f"to={folder} is a file: name a folder.")
    run_dir, words = find_run(source)
    cfg = planned_runs.runs_of_command([*words, "tracking=none"])[0].cfg
    with early.holding_ctrl_c():
        from alrun.loop import exported
        from alrun.system import device
    device.set_precision("float32")  # what ONNX predicts is compared with what torch does
    with writing():
        names = exported.export_classifier(cfg, run_dir, folder, with_onnx)
    print(f"{', '.join(names)} are in {display_path(folder)}.")
