"""Quality: adapters for the evaluators, and the fit of the product's weights."""
