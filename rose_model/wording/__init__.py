"""How corrections in words are read: clauses, word patterns, noun phrases, and a rule set an intent.

The door is ``rose_model.correction_grammar``.
"""
