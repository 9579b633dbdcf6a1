"""Files of every format to rows, and cells to ids, texts and grades: one rule each, whatever file they come from."""
