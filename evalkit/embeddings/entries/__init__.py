"""Entries of the store, file by file: what each holds, who has it open or locked, and what of it can be trusted."""
