"""The words of every mistake that settings can hold: what is wrong, and what to do about it."""

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "file_missing": {
        "zh-CN": ("没有这个文件。", "检查 --config 或 AI_WORKER_CONFIG，或用 ai-worker init 新建一个。"),
        "en": ("There is no such file.", "Check --config or AI_WORKER_CONFIG, or make one with ai-worker init."),
    },
    "file_unreadable": {
        "zh-CN": ("读不了这个文件：{reason}。", "让运行 ai-worker 的账号可以读它。"),
        "en": ("The file cannot be read: {reason}.", "Let the account that runs ai-worker read it."),
    },
    "file_unwritable": {
        "zh-CN": ("写不了这个文件：{reason}。", "换一个位置（--config 文件），或换一个有权限的账号。"),
        "en": ("The file cannot be written: {reason}.", "Choose another place (--config FILE) or another account."),
    },
    "not_utf8": {
        "zh-CN": ("这一行不是 UTF-8 编码。", "在编辑器里把文件另存为 UTF-8。"),
        "en": ("This line is not UTF-8.", "Save the file as UTF-8."),
    },
    "not_toml": {
        "zh-CN": ("不是正确的 TOML：{reason}。", "改正这一行；文字要加引号，同一个键只写一次。"),
        "en": ("This is not TOML: {reason}.", "Mend this line; text needs quotes, and a key may stand only once."),
    },
    "extra_forbidden": {
        "zh-CN": ("没有这个设置。", "{remedy_zh}"),
        "en": ("There is no such setting.", "{remedy_en}"),
    },
    "unknown_variable": {
        "zh-CN": ("没有这个设置。", "{remedy_zh}"),
        "en": ("There is no such setting.", "{remedy_en}"),
    },
    "missing": {
        "zh-CN": ("缺少必填的设置。", "补上 {leaf} = …，密钥可以写成 env:变量名 或 file:路径。"),
        "en": ("A setting is missing.", "Add {leaf} = …; a secret may be env:NAME or file:PATH."),
    },
    "literal_error": {
        "zh-CN": ("只能是 {choices}。", "改成其中之一。"),
        "en": ("It must be one of {choices}.", "Choose one of them."),
    },
    "int": {
        "zh-CN": ("要写整数。", "例如 {leaf} = 8080，不加引号。"),
        "en": ("A whole number is needed.", "For example {leaf} = 8080, without quotes."),
    },
    "float": {
        "zh-CN": ("要写数字。", "例如 {leaf} = 60，不加引号。"),
        "en": ("A number is needed.", "For example {leaf} = 60, without quotes."),
    },
    "bool": {
        "zh-CN": ("要写 true 或 false。", "不加引号。"),
        "en": ("true or false is needed.", "Write it without quotes."),
    },
    "text": {
        "zh-CN": ("要写文字。", '例如 {leaf} = "…"。'),
        "en": ("Text is needed.", 'For example {leaf} = "…".'),
    },
    "list": {
        "zh-CN": ("要写列表。", '例如 {leaf} = ["…", "…"]。'),
        "en": ("A list is needed.", 'For example {leaf} = ["…", "…"].'),
    },
    "table": {
        "zh-CN": ("这里要写一节。", "例如 [{key}]，下面每行一个设置。"),
        "en": ("A table is needed here.", "For example [{key}] with one setting a line below it."),
    },
    "at_least": {
        "zh-CN": ("不能小于 {limit}。", "改大一些。"),
        "en": ("It must be at least {limit}.", "Raise it."),
    },
    "more_than": {
        "zh-CN": ("必须大于 {limit}。", "改大一些。"),
        "en": ("It must be more than {limit}.", "Raise it."),
    },
    "at_most": {
        "zh-CN": ("不能大于 {limit}。", "改小一些。"),
        "en": ("It must be at most {limit}.", "Lower it."),
    },
    "less_than": {
        "zh-CN": ("必须小于 {limit}。", "改小一些。"),
        "en": ("It must be less than {limit}.", "Lower it."),
    },
    "too_short": {
        "zh-CN": ("太短，至少要 {limit} 个。", "补足。"),
        "en": ("It is too short; at least {limit} are needed.", "Make it longer."),
    },
    "too_long": {
        "zh-CN": ("太长，最多 {limit} 个。", "缩短。"),
        "en": ("It is too long; at most {limit} are allowed.", "Make it shorter."),
    },
    "secret_variable": {
        "zh-CN": ("环境变量 {name} 没有设置。", "先设置它再启动，或改用 file:路径。"),
        "en": ("The environment variable {name} is not set.", "Set it before the start, or use file:PATH."),
    },
    "secret_file": {
        "zh-CN": ("读不了 {path}：{reason}。", "把内容写进这个文件（权限 600），相对路径从设置文件所在的文件夹算起。"),
        "en": (
            "{path} cannot be read: {reason}.",
            "Put the value into that file (mode 600); a relative path starts at the settings file's folder.",
        ),
    },
    "secret_file_large": {
        "zh-CN": ("{path} 太大，不像是一项设置。", "检查 file: 后面的路径。"),
        "en": ("{path} is too large to be a setting.", "Check the path after file:."),
    },
    "secret_file_text": {
        "zh-CN": ("{path} 不是 UTF-8 文字。", "检查 file: 后面的路径，或把文件另存为 UTF-8。"),
        "en": ("{path} is not UTF-8 text.", "Check the path after file:, or save the file as UTF-8."),
    },
    "secret_file_empty": {
        "zh-CN": ("{path} 是空的。", "把内容写进这个文件。"),
        "en": ("{path} is empty.", "Put the value into that file."),
    },
    "empty": {
        "zh-CN": ("不能为空。", "填上，或删掉这一行用默认值。"),
        "en": ("It must not be empty.", "Fill it in, or delete the line to get the default."),
    },
    "short_key": {
        "zh-CN": ("密钥至少要 {limit} 个字符。", "用 openssl rand -hex 32 生成一把。"),
        "en": ("A key needs at least {limit} characters.", "Make one with openssl rand -hex 32."),
    },
    "time_zone": {
        "zh-CN": ("没有这个时区。", "用 IANA 名称，例如 Asia/Shanghai 或 UTC。"),
        "en": ("There is no such time zone.", "Use an IANA name such as Asia/Shanghai or UTC."),
    },
    "storage_url": {
        "zh-CN": (
            "不认识这种数据库地址。",
            "写成 sqlite:///ai-worker.db（相对 data_dir）或 postgresql://用户@主机/库名。",
        ),
        "en": (
            "This is not a database address that is known.",
            "Write sqlite:///ai-worker.db (relative to data_dir) or postgresql://user@host/db.",
        ),
    },
    "topic": {
        "zh-CN": ("这不是 Kafka 主题的名字。", "只用英文字母、数字、点、- 和 _，最多 249 个字符。"),
        "en": ("This is not the name of a Kafka topic.", "Use letters, digits, dots, - and _, at most 249 of them."),
    },
    "span": {
        "zh-CN": ("这不是一段时间，或者太短、太长。", "写成 30m、1h、1d 这样，从 10s 到 366d。"),
        "en": ("This is no span of time, or too short or long.", "Write 30m, 1h or 1d; from 10s to 366d."),
    },
    "page_url": {
        "zh-CN": ("这不是网页地址。", "写成 https://主机/路径，里面不能有密码。"),
        "en": ("This is not the address of a page.", "Write https://host/path, without a password in it."),
    },
    "source_place": {
        "zh-CN": ("来源的种类和地址对不上。", 'kind = "folder" 要写 path；kind = "urls" 要写 urls。'),
        "en": ("The source's kind and place do not fit.", 'kind = "folder" needs path; kind = "urls" needs urls.'),
    },
    "no_kind": {
        "zh-CN": ("没有写渠道类型。", '补上 kind = "…"，可用的有：{choices}。'),
        "en": ("The channel's kind is missing.", 'Add kind = "…"; there are: {choices}.'),
    },
    "unknown_kind": {
        "zh-CN": ("没有这种渠道。", "{remedy_zh}可用的有：{choices}。"),
        "en": ("There is no such kind of channel.", "{remedy_en} There are: {choices}."),
    },
    "name": {
        "zh-CN": ("名字里有不能用的字符。", "只用字母、数字、汉字、- 和 _，最多 64 个字符。"),
        "en": (
            "The name holds a character that it must not.",
            "Use letters, digits, - and _ only, at most 64 of them.",
        ),
    },
    "reserved_name": {
        "zh-CN": ("这个名字已被系统占用。", "换一个名字。"),
        "en": ("This name is taken by the system.", "Choose another name."),
    },
    "unknown_channel": {
        "zh-CN": ("没有名为 {name} 的渠道。", "{remedy_zh}"),
        "en": ("No channel is called {name}.", "{remedy_en}"),
    },
    "hours": {
        "zh-CN": (
            "看不懂这个工作时间。",
            '写成 "Mon-Fri 09:00-12:00 13:30-18:00" 或 "周一至周五 9:00-18:00"，每天只写一次。',
        ),
        "en": (
            "These office hours cannot be read.",
            'Write "Mon-Fri 09:00-12:00 13:30-18:00", each day once.',
        ),
    },
    "no_colleagues": {
        "zh-CN": ("{kind} 渠道里的人不能值班。", "换成同事自己所在的企业微信、飞书或钉钉应用渠道。"),
        "en": (
            "Nobody on a {kind} channel can be on duty.",
            "Name a channel of an application that colleagues use themselves.",
        ),
    },
    "twice_on_roster": {
        "zh-CN": ("值班表里有同名或同一个联系人。", "每位同事只写一节，名字各不相同。"),
        "en": (
            "This name or contact is on the roster twice.",
            "Write one table for each colleague, with a name of its own.",
        ),
    },
    "date": {
        "zh-CN": ("要写日期。", "例如 {leaf} = [2026-10-01]，不加引号。"),
        "en": ("A date is needed.", "For example {leaf} = [2026-10-01], without quotes."),
    },
    "no_worker": {
        "zh-CN": ("至少要有一个数字员工。", "写一节 [workers.名字]，或整个删掉用默认的小智。"),
        "en": ("There must be at least one worker.", "Write a table [workers.NAME], or leave it out for the default."),
    },
    "network": {
        "zh-CN": ("里面有不是网段的内容。", "写成 10.0.0.0/8、fd00::/8 或单个地址，前缀以外的位要为 0。"),
        "en": (
            "Something in it is not a network.",
            "Write 10.0.0.0/8, fd00::/8 or a single address, with no bits set behind the prefix.",
        ),
    },
    "value_error": {
        "zh-CN": ("这个值不能用：{reason}。", ""),
        "en": ("This value cannot be used: {reason}.", ""),
    },
    "other": {
        "zh-CN": ("这个值不能用：{reason}。", "对照设置参考改正它。"),
        "en": ("This value cannot be used: {reason}.", "Compare it with the settings reference."),
    },
}
"""By kind and language: the mistake, and the remedy. `{leaf}` is the key's last part."""
