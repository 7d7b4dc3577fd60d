"""WeCom (企业微信): self-built applications, AI bots, customer service and group robots."""
