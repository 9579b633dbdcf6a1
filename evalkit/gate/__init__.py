"""Two runs to a verdict. Stands on results and measures alone: no model, no FAISS."""

from evalkit.gate.decision import Decision, Verdict, decide

__all__ = ["Decision", "Verdict", "decide"]
