"""What the machine gives: whole files and their sha256, memory."""
