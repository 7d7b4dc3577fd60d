"""Feishu (飞书) and Lark: self-built applications, and custom robots of groups."""
