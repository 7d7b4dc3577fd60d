"""What the quality evaluators load by name can be made, and gives back what they read."""

from benchmarks.quality import adapters

KB = [
    {"id": "leave", "question": "年假怎么请", "aliases": ["怎么申请年假"], "answer": "在 OA 里提交。"},
    {"id": "invoice", "question": "发票怎么开", "aliases": [], "answer": "提供抬头和税号。"},
]


def test_retrieval_answers_with_candidates_and_a_probability() -> None:
    made = adapters.retrieval()
    made.load(KB)

    told = made.ask("怎么请年假")
    assert (told["decision"], told["answer_id"], told["candidates"][0]["id"]) == ("answer", "leave", "leave")
    assert 0.0 <= told["score"] <= 1.0
    assert made.ask("火星上有店吗")["decision"] == "handoff"


def test_two_wordings_of_one_question_are_liker_than_two_questions() -> None:
    made = adapters.pairs()

    assert made.pair_score("年假怎么请", "怎么申请年假") > made.pair_score("年假怎么请", "发票怎么开")


def test_a_message_that_leans_on_the_one_before_is_made_whole() -> None:
    assert "打印机" in adapters.rewrite().rewrite(["我想买一台打印机", "好的，请问预算多少"], "它的保修期是多久")


def test_a_dialogue_is_answered_from_its_tables() -> None:
    made = adapters.dialogue()
    made.load_db({"门店": [{"名称": "城东旗舰店", "地址": "东湖路 18 号", "电话": "0551-6200 1818"}]})

    assert "东湖路 18 号" in made.ask("城东旗舰店在哪里", [])["text"]
