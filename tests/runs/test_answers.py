"""The log of answers, and the rule by which several people's answers become one label."""

import itertools

import pytest

from alrun.runs.answers import Answer, append_answers, by_person, read_answers_log, resolve, resolved
from alrun.system.errors import UserError


def said(*words: str) -> list[Answer]:
    """Answers for example 7 in order of time, as ``anna:cat``; words without a class are kinds."""
    made = []
    for at, word in enumerate(words):
        by, _, what = word.partition(":")
        is_kind = what in ("skip", "unsure", "none", "undo")
        made.append(Answer(7, what if is_kind else "label", None if is_kind else what, by, float(at)))
    return made


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["anna:cat"], "cat"),
        (["anna:cat", "anna:dog"], "dog"),  # a correction
        (["anna:cat", "ben:dog"], "dog"),  # equally many: the last
        (["anna:dog", "ben:cat", "cleo:dog"], "dog"),
        (["anna:dog", "ben:dog", "cleo:cat"], "dog"),  # most
        (["anna:dog", "ben:dog", "cleo:cat", "ben:cat"], "cat"),
        (["anna:skip"], "skip"),
        (["anna:cat", "ben:skip"], "cat"),  # no vote
        (["anna:unsure", "ben:unsure", "cleo:dog"], "dog"),  # a second opinion
        (["anna:none", "ben:none", "cleo:dog"], "none"),
        (["anna:cat", "ben:none"], "none"),
        (["anna:cat", "anna:undo"], None),
        (["anna:cat", "ben:dog", "ben:undo"], "cat"),
        (["anna:cat", "anna:skip"], "skip"),
    ],
)
def test_the_rule(words, expected):
    found = resolved(said(*words)).get(7)
    assert (found and (found.label or found.kind)) == expected


def test_the_rule_against_counting_all_sequences_of_three_people():
    """Brute force: of each person the last answer; the most frequent class, the latest of equals."""
    people, classes = "abc", ["x", "y", "z"]
    for length in (1, 2, 3, 4):
        for choice in itertools.product(itertools.product(people, classes), repeat=length):
            latest = {by: (at, name) for at, (by, name) in enumerate(choice)}
            counts = {name: sum(other == name for _, other in latest.values()) for name in classes}
            best = max(counts.values())
            expected = max((at, name) for at, name in latest.values() if counts[name] == best)[1]
            answers = [Answer(0, "label", name, by, at) for at, (by, name) in enumerate(choice)]
            assert resolve([*by_person(answers)[0].values()]).label == expected


def test_the_log_survives_a_kill_in_the_middle_of_a_line(tmp_path):
    names = ['a "quoted" class', "<script>alert(1)</script>", "Käse\nLaib", "a,b"]
    append_answers(tmp_path, [Answer(number, "label", name, "Jürgen") for number, name in enumerate(names)])
    path = tmp_path / "answers.jsonl"
    assert [answer.label for answer in read_answers_log(tmp_path)] == names
    whole = path.read_bytes()
    lines = whole.count(b"\n")
    assert lines == len(names)
    for cut in range(whole.rfind(b"\n", 0, -1) + 1, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert [answer.label for answer in read_answers_log(tmp_path)] == names[:3]
        append_answers(tmp_path, [Answer(9, "skip")])
        assert [answer.index for answer in read_answers_log(tmp_path)] == [0, 1, 2, 9]
    path.write_bytes(whole[: len(whole) - 1])  # all but the line's end
    assert len(read_answers_log(tmp_path)) == 4


def test_a_line_that_was_changed_by_hand_is_named(tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"index": 1, "kind": "label", "label": "cat", "shape": "round"}\n')
    with pytest.raises(UserError, match=r"answers\.jsonl, line 1: it is damaged"):
        read_answers_log(tmp_path)
