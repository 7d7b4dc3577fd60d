"""DingTalk (钉钉): robots of enterprise applications, and custom group robots."""
