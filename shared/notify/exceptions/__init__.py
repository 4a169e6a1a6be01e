"""What is agreed not to be told: how it is proposed, kept, and what it covers."""
