"""Who asks for a person, who complains, who is angry; and who only talks about it. All wordings are our own."""

import pytest

from ai_worker.conversation.tone import tone, unquoted

PERSON = (
    "转人工",
    "人工客服",
    "我要找人工",
    "能不能换个真人来聊",
    "算了，还是转人工吧",
    "麻烦帮我转一下客服，谢谢",
    "怎么转人工",
    "不要机器人了",
    "“转人工”",
    "please let me talk to a human",
    "agent",
    "I want to speak to a real person please",
    "别绕了！转人工！再不转我就投诉",
)

COMPLAINT = (
    "我要投诉",
    "投诉！",
    "我要投诉你们的快递员",
    "投诉你们客服不回消息",
    "再不退款我就投诉了",
    "我已经正式向总部投诉过一次",
    "我想投诉，电话是多少",
    "我们必须举报这家店",
    "你们的服务太差了",
    "这个客服态度太烂",
    "你们就是骗子",
    "骗子！",
    "小心我投诉你",
    "我找消费者协会说理去",
    "I want to complain",
    "I'd like to file a complaint",
    "we will report you",
    "terrible service",
)

ANGER = (
    "气死我了",
    "什么破公司",
    "问了八百遍了还没有结果",
    "到底管不管",
    "滚",
    "你们是不是脑子进水了",
    "我要去告你们",
    "真是忍无可忍",
    "他妈的又错了",
    "this is unacceptable",
    "I am so furious right now",
    "how many times do I have to ask",
    "垃圾平台",
)

NEITHER = (
    "投诉电话是多少",
    "怎么投诉",
    "投诉渠道有哪些",
    "客户投诉处理流程在哪里看",
    "本月投诉率多少",
    "今天收到三起客户投诉",
    "有客户投诉，应该怎么处理？",
    "投诉工单在系统里怎么关闭",
    "客户要投诉该找谁",
    "我不是要投诉，只想问一下进度",
    "举报信箱的地址",
    "我们投诉部门有几个人",
    "怎么会弹出“转人工”三个字",
    "他在群里说「我要投诉你们」，怎么回复",
    "转人工要多久",
    "不用转人工",
    "人工成本怎么算",
    "客服部门的邮箱",
    "人工智能培训什么时候开始",
    "垃圾分类怎么分",
    "垃圾服务器怎么下线",
    "取消协议怎么写",
    "你们有病假吗",
    "曝光补偿是什么",
    "起诉流程是怎样的",
    "滚动条不见了",
    "姑妈的生日可以请假吗",
    "等了多久算超时",
    "等了一次面试，下一步是什么",
    "how do I file a complaint",
    "what is the complaint process",
    "who handles complaints",
    "our agent in Berlin",
    "the agent commission rate",
    "客户说“你们的服务太差了”，我该怎么安抚",
    "消费者协会是做什么的",
    "我们上个月的投诉记录导出来",
)


@pytest.mark.parametrize(
    ("plea", "texts"),
    [("person", PERSON), ("complaint", COMPLAINT), ("anger", ANGER), (None, NEITHER)],
    ids=["person", "complaint", "anger", "neither"],
)
def test_a_plea_is_heard_and_talk_about_one_is_not(plea: str | None, texts: tuple[str, ...]) -> None:
    assert [(text, heard) for text in texts if (heard := tone().plea(text)) != plea] == []


def test_a_quotation_does_not_count_unless_it_is_all_there_is() -> None:
    assert unquoted("他说“我要投诉”，怎么办") == "他说引，怎么办"
    assert unquoted("「转人工」！") == "「转人工」！"
