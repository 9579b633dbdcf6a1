"""Rankings and clocks to numbers: quality, latency, memory."""
