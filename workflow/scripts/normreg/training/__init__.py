"""What one training run is, whatever computes it: objective, schedule, draws, epochs, state, checkpoint."""
