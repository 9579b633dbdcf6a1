"""PostgreSQL with pgvector: a private server or anyone's, tables of a run or those that are there already."""
