"""What was asked for: the model, the merge of a change, the text forms."""
