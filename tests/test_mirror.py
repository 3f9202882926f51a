"""The test of src/alrun/X/y.py is tests/X/test_y.py, or the file that is named here.

A test may cover several modules of one idea; then it lies in their room and is named after one of them, or after what
they have in common. Each module that is listed must be named in that test, by itself or by a class or function of its.
"""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "alrun"

BESIDE = {  # test file: modules of the same room that it tests
    "analysis/test_significance.py": "efficiency_table intervals ranks",
    "analysis/test_figures.py": "scores",
    "analysis/test_look.py": "figure_style",
    "analysis/test_forecast.py": "calibration",
    "analysis/test_leaderboard.py": "board_names leaderboard_page",
    "analysis/test_merging.py": "machines",
    "analysis/test_rounds.py": "result_files",
    "analysis/test_report.py": "findings significance_section sources",
    "analysis/paper/test_exhibits.py": "claims collect make points tabulate times",
    "commands/test_search.py": "sweep",
    "commands/test_console.py": "plan results",
    "annotate/test_cvat.py": "formats imagenet keeping request",
    "annotate/test_server.py": "session shown",
    "data/test_labels.py": "card divided",
    "data/test_manifest.py": "growing_pool",
    "data/test_own.py": "image_source",
    "data/test_vectors.py": "row_checks vector_files",
    "features/test_encoders.py": "encoder preprocessing provenance weights",
    "features/test_store.py": "embed parts",
    "loop/test_run.py": "start",
    "models/test_models.py": "adapters dla mnist_net resnet resnet9 shake_shake small_cnn vgg",
    "models/test_infer.py": "classifier outputs",
    "pool/test_annotator.py": "confusing",
    "pool/test_imbalance.py": "classes",
    "pool/test_pool_options.py": "per_class_cap redundancy",
    "pool/test_shift.py": "joined",
    "selection/test_glister.py": "glister_terms",
    "selection/test_set_functions.py": "disparity greedy neighbor_facility_location similarity uncovered",
    "runs/test_labeling.py": "label_files sheets",
    "runs/test_state.py": "generations round_record",
    "settings/test_fitted.py": "data_size",
    "system/test_energy.py": "energy_sources",
    "training/test_engine.py": "cuda_graph",
    "training/test_frozen.py": "keeper",
    "training/test_convex.py": "regularization",
    "training/test_trainer.py": "optimizer position stop_rule",
    "training/subsets/test_base.py": "craig glister grad_match random",
    "strategies/test_strategies.py": "badge bald coreset disagreement partitioned random uncertainty",
    "strategies/test_contrast.py": "alfa_mix bait cal density falcun",
    "strategies/test_covering.py": "cluster_margin clusters embeddings herding probcover tcm temperature typiclust",
    "strategies/test_ensembles.py": "bemps dropquery expected_gradient noise_stability power subsample",
    "strategies/test_lfosa.py": "detector",
    "strategies/test_networks.py": "adversarial discriminative learning_loss vaal vaal_networks",
    "strategies/test_submodular.py": "fass targeted",
}
ELSEWHERE = {  # module: the test of another room or of what it is part of, and why
    "data/unlabeled_texts.py": ("annotate/test_texts.py", "its pool grows in a labeling project"),
    "analysis/metric_sections.py": ("analysis/test_report.py", "a part of the report"),
    "analysis/queried_images.py": ("analysis/test_report.py", "a part of the report"),
    "analysis/repeated.py": ("analysis/test_report.py", "a part of the report"),
    "analysis/run_reader.py": ("analysis/test_rounds.py", "gather reads runs by it"),
    "analysis/summary_text.py": ("analysis/test_summary.py", "its words"),
    "analysis/paper/captions.py": ("analysis/paper/test_exhibits.py", "written with every exhibit"),
    "analysis/paper/draw.py": ("analysis/paper/test_exhibits.py", "drawn with every exhibit"),
    "commands/ask.py": ("runs/test_labeling.py", "one conversation with tell"),
    "commands/select.py": ("loop/test_selection_parts.py", "computes a part"),
    "commands/tell.py": ("runs/test_labeling.py", "one conversation with ask"),
    "commands/label.py": ("annotate/test_server.py", "serves the page"),
    "commands/report.py": ("analysis/test_report.py", "the command and what it writes"),
    "commands/completion.py": ("commands/test_cli.py", "completes its words"),
    "data/content.py": ("settings/test_identity.py", "names of content are part of a run's"),
    "data/decoded_splits.py": ("data/test_own.py", "what it gives"),
    "data/file_ends.py": ("runs/test_labeling.py", "finds the examples of a sheet"),
    "data/listed_images.py": ("data/test_own.py", "the images of dataset=csv"),
    "data/npz_arrays.py": ("data/test_sources.py", "what dataset=npz reads"),
    "data/image_table.py": ("data/test_own.py", "the table of dataset=csv"),
    "data/image_listing.py": ("data/test_layout.py", "by the folders that it lists"),
    "data/split_paths.py": ("data/test_layout.py", "by the names that it reads"),
    "data/transform.py": ("settings/test_targets.py", "a user's transform is named in settings"),
    "loop/components.py": ("pool/test_pool_options.py", "builds the pool"),
    "loop/evaluator.py": ("system/test_energy.py", "what it uses is that of the evaluation"),
    "loop/part_checks.py": ("settings/test_checks.py", "checks of parts against one another"),
    "loop/querying.py": ("loop/test_run.py", "what a strategy returns there"),
    "loop/round_record.py": ("runs/test_state.py", "a row of the state"),
    "loop/dividing.py": ("loop/test_selection_parts.py", "says what the parts are"),
    "loop/resumed.py": ("loop/test_resume.py", "what a killed run goes on from"),
    "loop/on_ray.py": ("heavy/test_ray.py", "needs a cluster"),
    "loop/vector_pools.py": ("strategies/test_on_vectors.py", "what runs on vectors"),
    "models/linear.py": ("training/test_convex.py", "what convex trains"),
    "loop/execution.py": ("commands/test_speed.py", "what the speed of a setting decides"),
    "pool/build.py": ("pool/test_pool_options.py", "builds the pool"),
    "pool/rows.py": ("data/test_shards.py", "what a pool asks of shards"),
    "runs/durations.py": ("settings/test_schedule.py", "the time left follows the schedule"),
    "selection/linear.py": ("selection/test_glister.py", "a helper of it"),
    "strategies/base.py": ("strategies/test_contract.py", "the interface"),
    "strategies/more/batch_bald.py": ("selection/test_joint_entropy.py", "its algorithm"),
    "strategies/seed_set.py": ("pool/test_pool_options.py", "chooses the first of the pool"),
    "system/device.py": ("models/test_infer.py", "precision is what passes are computed in"),
    "system/interruption.py": ("loop/test_resume.py", "what is stopped is a run"),
    "settings/groups.py": ("commands/test_help.py", "lists them"),
    "settings/schema.py": ("settings/test_settings.py", "the classes of the settings"),
    "system/rng.py": ("strategies/test_query.py", "its streams are a query's"),
    "system/safe_text.py": ("analysis/test_formats.py", "harmless cells of tables"),
    "system/spreadsheet.py": ("data/test_own.py", "tables as spreadsheets write them"),
    "system/torchvision_import.py": ("scripts/test_install.py", "what an installation lacks"),
    "system/units.py": ("settings/test_ranges.py", "a range of settings"),
    "training/checkpoint.py": ("system/test_files.py", "files that disks damage"),
    "training/logistic_problem.py": ("training/test_logistic.py", "the objective that it minimizes"),
    "training/learner.py": ("training/test_convex.py", "the interface that convex keeps"),
    "testing/annotators.py": ("pool/test_annotator.py", "held against every annotator"),
    "testing/contract.py": ("strategies/test_contract.py", "held against every strategy"),
    "testing/made_queries.py": ("strategies/test_query.py", "makes them"),
    "testing/peak_memory.py": ("data/test_image_decoding.py", "measures there"),
}


@cache
def modules() -> list[Path]:
    """Every module, by its path in src/alrun."""
    found = (path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py")))
    return [path for path in found if not path.name.startswith("__") and len(path.parts) > 1]


def named_after(module: Path) -> list[Path]:
    """The tests in the module's room that have its name."""
    return list((TESTS / module.parts[0]).rglob(f"test_{module.stem}.py"))


@cache
def beside() -> dict[str, list[Path]]:
    """The modules of BESIDE by test: in a test's own folder, or where its room has moved them."""
    return {
        test: [path for path in modules() if path.stem in words.split() and path.parts[0] == test.split("/")[0]]
        for test, words in BESIDE.items()
    }


def test_whoever_looks_for_the_test_of_a_module_finds_it():
    listed = {path for paths in beside().values() for path in paths} | {Path(name) for name in ELSEWHERE}
    missing = [str(path) for path in modules() if not named_after(path) and path not in listed]
    assert not missing, "no tests/X/test_y.py, and not in the tables of tests/test_mirror.py"


def test_the_tables_hold_no_module_that_is_gone_or_has_a_test_of_its_own():
    known = set(modules())
    gone = [name for name in ELSEWHERE if Path(name) not in known]
    gone += [f"{test}: {word}" for test, words in BESIDE.items() for word in words.split() if word not in names(test)]
    assert not gone
    assert not [str(path) for name in ELSEWHERE if named_after(path := Path(name))]


def names(test: str) -> set[str]:
    """The names of the modules in a test's room."""
    return {path.stem for path in beside()[test]}


def test_a_test_names_what_it_is_said_to_test():
    for test, paths in beside().items():
        text = (TESTS / test).read_text()
        for path in paths:
            tree = ast.parse((SOURCE / path).read_text())
            words = [path.stem, *(node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef))]
            assert any(re.search(rf"\b{word}\b", text) for word in words), f"{test} does not name {path}"
    assert not [test for test, _ in ELSEWHERE.values() if not (TESTS / test).exists()]
