"""Skills: what the worker can do in the company's systems, and who may let it."""
