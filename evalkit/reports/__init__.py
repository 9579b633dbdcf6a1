"""Many runs to a page. Stands on results and measures alone: no model, no FAISS."""
