"""From a few wordings of each entry the model tells which one another wording means."""

from pathlib import Path

import pytest

from ai_worker.knowledge import terms
from ai_worker.knowledge.intents import arrays
from ai_worker.knowledge.intents.child import learn
from ai_worker.knowledge.intents.lessons import Lessons, Taught, lessons_of
from ai_worker.knowledge.intents.model import Guesses, Intents
from tests.knowledge.intents.office import OFFICE


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    found = lessons_of(OFFICE)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def model(lessons: Lessons, tmp_path_factory: pytest.TempPathFactory) -> Intents:
    path = tmp_path_factory.mktemp("intents") / "office.intents"
    learn(lessons, path)
    made = Intents.open(path)
    assert made is not None
    return made


def ask(model: Intents, text: str, bases: tuple[str, ...] = ("*",)) -> Guesses:
    guesses = model.score(terms.plain(text), bases=bases)
    assert guesses is not None
    return guesses


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("想申请几天年休假", "leave"),
        ("生病请假要交证明吗", "sick"),
        ("出差回来车票报销", "expense"),
        ("我的工资怎么还没到账", "payday"),
        ("门禁卡丢了", "badge"),
        ("会议室可以取消吗", "room"),
        ("Printers don't print my documents", "printer"),
        ("the battery of this laptop is dying", "laptop"),
    ],
)
def test_a_new_wording_means_the_entry_whose_wordings_are_like_it(model: Intents, question: str, entry: str) -> None:
    guesses = ask(model, question)

    assert guesses.best(1)[0][0] == f"default\x1f{entry}"


def test_probabilities_are_of_all_entries(model: Intents) -> None:
    best = ask(model, "怎么请年假").best(100)

    assert len(best) == len(OFFICE)
    assert sum(probability for _, probability in best) == pytest.approx(1, abs=1e-5)
    assert [probability for _, probability in best] == sorted((one for _, one in best), reverse=True)


def test_what_is_asked_in_its_own_words_is_surer_than_what_is_none_of_it(model: Intents) -> None:
    def sure(question: str) -> float:
        guesses = ask(model, question)
        return guesses.confidence(guesses.figures(guesses.best(1)[0][0]))

    strangers = ("明天会不会下雨", "tell me a joke about penguins", "附近有什么好吃的")
    assert sure("年假怎么申请") > max(0.6, *(sure(stranger) + 0.15 for stranger in strangers))


def test_a_text_of_which_nothing_is_known_has_no_guess(model: Intents) -> None:
    assert model.score("жжж") is None
    assert model.score("") is None
    assert model.score("？！") is None


def test_a_very_long_text_is_scored_by_its_beginning(model: Intents) -> None:
    assert ask(model, "报销" * 50_000).best(1)[0][0] == "default\x1fexpense"


def test_the_same_wordings_make_the_same_model(lessons: Lessons, tmp_path: Path) -> None:
    one, other = tmp_path / "one.intents", tmp_path / "other.intents"
    learn(lessons, one)
    again = lessons_of(OFFICE[::-1])
    assert again is not None
    learn(again, other)

    assert one.read_bytes() == other.read_bytes()


def test_only_entries_of_the_bases_asked_for_are_guessed(lessons: Lessons, tmp_path: Path) -> None:
    moved = [
        Taught(one.key.replace("default", "it") if one.key.endswith(("printer", "laptop")) else one.key, one.wordings)
        for one in OFFICE
    ]
    found = lessons_of(moved)
    assert found is not None
    learn(found, tmp_path / "two.intents")
    model = Intents.open(tmp_path / "two.intents")
    assert model is not None

    assert {key for key, _ in ask(model, "怎么报销", ("it",)).best(9)} == {"it\x1fprinter", "it\x1flaptop"}
    assert model.score("怎么报销", bases=("none",)) is None


def test_single_wordings_teach_what_the_others_are_not(tmp_path: Path) -> None:
    lone = [Taught(f"default\x1flone-{number}", (f"第{number}号楼的食堂在哪里",)) for number in range(40)]
    found = lessons_of([*OFFICE, *lone])
    assert found is not None
    learn(found, tmp_path / "lone.intents")
    model = Intents.open(tmp_path / "lone.intents")
    assert model is not None

    guesses = ask(model, "第7号楼的食堂在哪里")

    assert not guesses.knows("default\x1flone-7")
    assert len(guesses.best(100)) == len(OFFICE)
    assert guesses.best(1)[0][1] < 0.5


def test_too_few_wordings_teach_nothing() -> None:
    assert lessons_of([]) is None
    assert lessons_of(OFFICE[:5]) is None
    assert lessons_of([Taught(one.key, one.wordings[:1]) for one in OFFICE]) is None


def test_too_many_entries_are_too_much() -> None:
    many = [Taught(f"default\x1f{number}", (f"问题{number}", f"第{number}个问题")) for number in range(1_001)]
    found = lessons_of(many)

    assert found is not None
    assert found.too_much


@pytest.mark.parametrize("damage", ["short", "other", "cut"])
def test_a_damaged_file_is_refused(model: Intents, lessons: Lessons, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "damaged.intents"
    learn(lessons, path)
    content = path.read_bytes()
    path.write_bytes({"short": content[:4], "other": b"x" * 400, "cut": content[:-100]}[damage])

    with pytest.raises(ValueError, match="file"):
        arrays.read(path)
