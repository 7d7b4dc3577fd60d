"""An office's questions, each in several wordings: what the tests let the model learn from."""

from ai_worker.knowledge.intents.lessons import Taught

WORDINGS: dict[str, tuple[str, ...]] = {
    "leave": ("怎么请年假", "年假如何申请", "我想休年假", "年休假在哪里提", "请几天年假要走什么流程"),
    "sick": ("病假怎么请", "生病了要请假", "请病假需要什么材料", "病假要开证明吗", "身体不舒服想休息一天"),
    "expense": ("怎么报销", "差旅费如何报销", "报销单在哪里填", "出差的车票怎么报", "发票贴好之后交给谁"),
    "payday": ("什么时候发工资", "工资几号到账", "这个月薪水发了吗", "发薪日是哪天", "工资条在哪里看"),
    "badge": ("工牌丢了怎么办", "门禁卡找不到了", "补办工牌", "门卡刷不开", "忘带工牌怎么进门"),
    "wifi": ("无线网密码是多少", "连不上办公室的网", "访客怎么上网", "wifi 怎么连", "网络断了找谁"),
    "room": ("怎么订会议室", "会议室在哪里预约", "取消会议室预订", "想借一间会议室", "会议室被别人占了"),
    "printer": (
        "the printer is jammed",
        "how do i add a printer",
        "my document does not print",
        "printing in colour",
        "we are out of paper",
    ),
    "laptop": (
        "my laptop is broken",
        "i need a new laptop",
        "the screen of my computer stays black",
        "who repairs notebooks",
        "the battery dies after an hour",
    ),
}

OFFICE = tuple(Taught(f"default\x1f{name}", wordings) for name, wordings in WORDINGS.items())


def rows() -> list[dict[str, object]]:
    """Return the entries as they are handed in."""
    return [
        {"id": name, "question": first, "aliases": list(others), "answer": f"{name}：请看员工手册。"}
        for name, (first, *others) in WORDINGS.items()
    ]
