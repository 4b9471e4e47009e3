"""How parameters are fitted: optimizers, phases, the step, the loop and its state."""
