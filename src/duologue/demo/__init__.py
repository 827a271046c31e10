"""People and conversations for a first look: `duologue demo`."""
