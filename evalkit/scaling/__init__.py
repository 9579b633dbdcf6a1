"""What a setting takes among more documents than the corpus has: timed among filler, as laws that the store keeps."""
