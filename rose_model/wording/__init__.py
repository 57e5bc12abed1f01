"""How corrections in words are read: clauses, word patterns, noun phrases, rules for each intent.

The door is ``rose_model.correction_grammar``.
"""
