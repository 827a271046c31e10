"""What Duologue is compared with."""
