"""What others say while they are imported, and nobody can act on, stays unsaid.

transformers imports torchao where that is installed, and torchao 0.18 registers two constants in a
way that PyTorch 2.15 warns of; the lines would stand in the output of every command.
"""

import logging

logging.getLogger('torch.utils._pytree').setLevel(logging.ERROR)
