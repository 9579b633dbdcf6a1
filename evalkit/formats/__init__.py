"""How foreign words are written, and what foreign JSON must hold."""
