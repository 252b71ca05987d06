"""What is known of past incidents: the audit log's lines, joined with the saved evidence."""
