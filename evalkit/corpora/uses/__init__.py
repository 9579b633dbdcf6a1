"""What people say of texts beside which documents answer which queries: labels, scores of pairs, groups, answers."""
