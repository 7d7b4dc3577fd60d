"""Business systems that speak the Model Context Protocol."""
