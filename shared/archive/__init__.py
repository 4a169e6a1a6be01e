"""What the watch keeps for later in container `evidence`: dated snapshots, and when they go."""
