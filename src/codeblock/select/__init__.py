"""Which tokens are supervised: strategies and budgets."""
