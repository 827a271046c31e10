"""How nodes tell each other."""
