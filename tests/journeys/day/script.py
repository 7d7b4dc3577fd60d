"""A day of 澄光家电's customer service: who says what, and what everybody is shown because of it.

In each hour at most one scene asks for colleagues, so that what they are shown has one order.
"""

from tests.journeys.day.clerk import Filled
from tests.journeys.day.player import Hour, Scene, Told, says

WANG, CHEN, ZHAO, GU = "wang-fang", "chen-siyuan", "zhao-lei", "gu-zong"
LI, HAN = "li-na", "han-mm"
MEMBERS = {
    WANG: ("王芳", "客户"),
    CHEN: ("陈思远", "采购部"),
    ZHAO: ("赵磊", "客户"),
    GU: ("顾总", "客户"),
    LI: ("李娜", "客服部"),
    HAN: ("韩梅梅", "客服部"),
}

TO_COLLEAGUE = "这个问题在我的资料里没有可靠的答案，已经转给同事。"
HOLDING = "您的问题我还在处理，有结果就在这里回复您"
RETURN, RETURN_FREIGHT = "签收 7 天内，在「我的订单」里点「申请退货」", "质量问题的退货运费由我们出"
EXCHANGE_FREIGHT, INVOICE = "换货来回的运费都由我们出。", "在「我的发票」里申请电子发票。"
INSTALL, TRADE_IN = "师傅 48 小时内上门。", "旧净水器可抵 200 元，下单时勾选「以旧换新」。"
REBATE = "年返点 6%"

CLEANING = {"豆浆机怎么清洗": "机头不能水洗", "破壁机怎么清洗": "刀头不能手洗"}
"""Two answers that are equally near to what is asked: either may be offered first."""


def numbered(number: int, offered: str) -> str:
    """Return the label of a choice."""
    return next(line.partition(". ")[2] for line in offered.splitlines() if line.startswith(f"{number}. "))


HELLO: Hour = [[says(who, "早上好").shown("我是小澄")] for who in MEMBERS]

MORNING: Hour = [
    [
        says(WANG, "怎么退货").shown(RETURN, "依据：《常见问题》"),
        says(WANG, "那运费呢").shown(RETURN_FREIGHT, "!换货来回"),
        says(WANG, "不是，我问的是换货的运费").shown(EXCHANGE_FREIGHT),
        says(WANG, "我想问一下", "净水器", "滤芯多久换一次").shown("前置滤芯 6 个月换一次"),
        says(WANG, "发票怎么开？下单后多久发货？").shown("关于“发票怎么开”：", INVOICE, "现货 24 小时内发出"),
        says(WANG, "澄光净水器 P60 多少钱").shown("P60 的价格：1299 元", "依据：《产品价目表》"),
        says(WANG, "那 P80 呢").shown("P80 的价格：1899 元", "!1299"),
        says(WANG, "保修几年").shown("P80 的保修期：3 年"),
        says(WANG, "退货的钱什么时候到账").shown("银行卡最迟 5 天到账。"),
        says(WANG, "谢谢").shown("不客气"),
    ],
    [
        says(CHEN, "供应商返点是多少").shown(REBATE, "依据：《采购内部》"),
        says(CHEN, "怎么预约安装").shown(INSTALL),
        says(CHEN, "安装收费吗").shown("基础安装免费"),
        says(CHEN, "会员日是哪天").shown("每月 18 日是会员日"),
        says(CHEN, "刚才说的安装，怎么预约").shown(INSTALL),
        says(CHEN, "今天星期几").shown("今天是", "星期"),
        says(CHEN, "你是机器人吗").shown("我是小澄，这里的数字员工"),
        says(CHEN, "讲个笑话").shown("闲聊不太在行"),
        says(CHEN, "发现漏水怎么处理").shown("先关闭进水阀，再拔掉电源", "依据：《保养手册 › 漏水处理》"),
    ],
    [
        says(ZHAO, "机器用脏了要怎么清洗").shown("您想问的是哪一个？", *CLEANING),
        says(ZHAO, "第二个").shown(lambda offered: CLEANING[numbered(2, offered)]),
        says(ZHAO, "机器用脏了要怎么清洗").shown("您想问的是哪一个？"),
        says(ZHAO, "都不是").shown("请换个说法再问一次"),
        says(ZHAO, "豆浆机怎么清洗").shown("机头不能水洗"),
        says(ZHAO, "有帮助").shown("谢谢反馈，很高兴帮到您。"),
    ],
]

NOON: Hour = [
    [
        says(ZHAO, "有没有以旧换新")
        .shown(TO_COLLEAGUE)
        .to(LI, "【等人工】", "赵磊", "原因：资料里没有答案", "未答：有没有以旧换新"),
        says(ZHAO, "怎么开发票").shown(INVOICE),
        says(ZHAO, "算了", "你们服务太差了", "我要投诉").shown("给您添麻烦了，很抱歉。"),
        says(ZHAO, "在吗", "有人吗").shown("您的消息收到了，正在等同事处理。"),
        says(LI, "排队").shown("1 位在等：", "赵磊", "：我要投诉"),
        says(LI, "接管 {label}").shown("已接管", "赵磊", "问：怎么开发票", "未答：有没有以旧换新"),
        says(HAN, "排队").shown("没有人在等。"),
        says(LI, "您好，我是李娜，马上为您处理。").to(ZHAO, "您好，我是李娜，马上为您处理。"),
        says(ZHAO, "我的加湿器", "不出雾了").to(LI, "赵磊（客户）：我的加湿器").to(LI, "赵磊（客户）：不出雾了"),
        says(LI, "加湿器可以免费换新，已经登记。").to(ZHAO, "加湿器可以免费换新，已经登记。"),
        says(ZHAO, "好的，谢谢").to(LI, "赵磊（客户）：好的，谢谢"),
        says(LI, "交还").shown("已交还", "数字员工继续接待"),
        says(ZHAO, "换货的运费谁出").shown(EXCHANGE_FREIGHT),
    ],
    [
        says(WANG, "南坪旗舰店几点关门").shown("南坪旗舰店的营业时间：9:30-22:00"),
        says(WANG, "那江北体验店呢").shown("江北体验店的营业时间：10:00-21:00"),
        says(WANG, "电话多少").shown("江北体验店的电话：023-6780 1201"),
        says(WANG, "怎么修改收货地址").shown("发货前可以在订单页改地址"),
        says(WANG, "积分怎么用").shown("每 100 积分抵 1 元"),
        says(WANG, "没帮助").shown("没能帮到您很抱歉"),
    ],
    [
        says(CHEN, "怎么换货").shown("在「我的订单」里点「申请换货」"),
        says(CHEN, "哈哈").shown("看来您心情不错"),
        says(CHEN, "滤芯多久换一次").shown("前置滤芯 6 个月换一次"),
    ],
]

AFTERNOON: Hour = [
    [
        Filled("有没有以旧换新", TRADE_IN),
        says(ZHAO, "有没有以旧换新").shown(TRADE_IN),
        says(WANG, "有以旧换新吗").shown(TRADE_IN),
        says(WANG, "发票怎么开？有没有以旧换新？").shown(INVOICE, TRADE_IN),
        says(WANG, "澄光净水器 P80 有什么颜色").shown("P80 的颜色：白色、灰色"),
        says(WANG, "那 P60 呢").shown("P60 的颜色：白色"),
    ],
    [
        says(GU, "怎么开发票").shown("已经请专人来处理").to(LI, "【等人工】", "顾总", "优先客户", "未答：怎么开发票"),
        says(HAN, "接管").shown("已接管", "顾总", "未答：怎么开发票"),
        says(HAN, "顾总您好，发票抬头是贵公司全称吗？").to(GU, "顾总您好，发票抬头是贵公司全称吗？"),
        says(GU, "是的", "麻烦开专票").to(HAN, "顾总（客户）：是的").to(HAN, "顾总（客户）：麻烦开专票"),
        says(HAN, "结束").shown("已交还"),
        says(GU, "谢谢").shown("不客气"),
    ],
    [
        says(CHEN, "返点怎么算").shown(REBATE),
        says(CHEN, "积分怎么用？怎么预约安装？").shown("每 100 积分抵 1 元", INSTALL),
        says(CHEN, "机器用脏了要怎么清洗").shown("您想问的是哪一个？"),
        says(CHEN, "第一个").shown(lambda offered: CLEANING[numbered(1, offered)]),
        says(CHEN, "再见").shown("再见"),
    ],
]

EVENING: Hour = [
    [
        says(WANG, "退货流程是什么").shown(RETURN),
        says(WANG, "供应商返点是多少").shown(TO_COLLEAGUE, "!6%").to(LI, "【等人工】", "王芳", "!6%"),
        says(WANG, "那联系人呢").shown(TO_COLLEAGUE).down(HOLDING),
        says(WANG, "怎么开发票").shown(INVOICE),
        says(WANG, "转人工")
        .shown("好的，已经转给同事。")
        .down("好的，已经转给同事。", "您刚才问的“那联系人呢”也一并转"),
    ],
    [
        says(ZHAO, "怎么退货").shown(RETURN),
        says(ZHAO, "那运费呢").shown(RETURN_FREIGHT),
        says(ZHAO, "再见").shown("再见"),
    ],
]

LEAK = "发现漏水，先关闭进水阀，再拔掉电源。"
WITH_MODEL: Scene = [says(CHEN, "净水器漏水了怎么办").shown(LEAK, "依据：《保养手册 › 漏水处理》")]
"""What only a model makes out."""

MODEL_DOWN: Hour = [
    [
        says(CHEN, "净水器漏水了怎么办").shown(HOLDING),
        says(CHEN, "会员日是哪天").shown("每月 18 日是会员日"),
        says(CHEN, "积分怎么用").shown("每 100 积分抵 1 元"),
    ]
]
MODEL_BACK: Told = {CHEN: [("关于您刚才问的“净水器漏水了怎么办”：", LEAK)]}
"""What was held is answered, and says to what; what is a person's by now is not."""
