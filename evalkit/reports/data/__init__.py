"""What a report says: runs gathered, settings compared, questions answered."""
